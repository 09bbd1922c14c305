"""Words of harmful requests and abuse. They are a prefilter: a text without any is not checked further.

All patterns match the plain form (``normalize.plain``): lower case, no accents, plain quotes. *Topics* only say what a
text may be about, including news, medicine and fiction; a linear model decides about intent (``detectors.harm``).
*Abuse* is decided by words alone: each has a weight, and light ones count only together. Names only, no descriptions.
"""

# ruff: noqa: E501 - a pattern is easier to read in one line

from __future__ import annotations

from typing import NamedTuple

CATEGORIES = ("self_harm", "sexual", "weapons", "drugs", "cyber", "hate", "violence", "crime")
"""Most specific first: a text on two topics is reported under the first of them."""


class _Topic(NamedTuple):
    category: str
    name: str
    words: str


_TOPICS = (
    _Topic(
        "violence",
        "kill",
        r"kill(?:s|ed|ing|er)?|murder[a-z]*|assassinat[a-z]*|strangl[a-z]*|stab(?:s|bed|bing)?|behead[a-z]*|lynch[a-z]*|hitm[ae]n|suffocat[a-z]*|dismember[a-z]*|massacre[a-z]*|genocid[a-z]*|ethnic cleansing|execution[a-z]*|mass shooting[s]?|shoot up|school shooting[s]?",
    ),
    _Topic(
        "violence",
        "hurt",
        r"tortur[a-z]*|poison[a-z]*|maim[a-z]*|mutilat[a-z]*|assault[a-z]*|beat(?:ing)? (?:up|him|her|them|someone|my)|physical(?:ly)? (?:harm|abus|assault|attack|hurt|injur)[a-z]*|(?:hurt|harm|injur|attack|poison|punch|attack)(?:e|s|ing)? (?:someone|somebody|a person|people|others|another|innocent|him|her|them|my|children|a child|animals|an animal|other)|inflict[a-z]*|physical violence|domestic violence|violen(?:t|ce|tly)|gor[ey]|bloodshed|abus(?:e|es|ed|ing|er|ers|ive)|neglect(?:ing|ed)?|cruel(?:ty)?",
    ),
    _Topic(
        "violence",
        "captive",
        r"kidnap[a-z]*|abduct[a-z]*|hostage[s]?|hijack[a-z]*|human traffick[a-z]*|captive|enslav[a-z]*|trafficking",
    ),
    _Topic(
        "violence",
        "terror",
        r"terror(?:ism|ist|ists|ize|izing)?|extremis[a-z]*|radicali[sz][a-z]*|arson[a-z]*|set (?:fire|ablaze)|riot(?:s|ing|ers)?|insurrection|suicide (?:bomb|attack|vest)[a-z]*|isis|al[- ]qaeda|jihad[a-z]*|incit(?:e|es|ing|ement)|sabotag[a-z]*|crash (?:a|the) (?:plane|train|car|bus)|derail[a-z]*|panic|mass casualt[a-z]*|overthrow[a-z]*|militia[s]?|forest fires?|wildfires?",
    ),
    _Topic(
        "self_harm",
        "suicide",
        r"suicid[a-z]*|kill(?:ing)? (?:myself|yourself|themselves|himself|herself|oneself)|end(?:ing)? (?:my|your|their|one's) (?:own )?life|take (?:my|your|their) own li[a-z]*|hang (?:myself|yourself)|noose|kys|(?:want|wanna|ready) to die|painless(?:ly)? (?:way|death|die)[a-z]*|lethal dose[a-z]*|overdos[a-z]*",
    ),
    _Topic(
        "self_harm",
        "injury",
        r"self[- ]?(?:harm|injur|mutilat|destruct)[a-z]*|cut(?:ting)? (?:myself|yourself|themselves)|(?:hurt|harm|burn|starv|injur)(?:e|ing)? (?:myself|yourself|themselves)",
    ),
    _Topic(
        "self_harm",
        "eating",
        r"anorexi[a-z]*|bulimi[a-z]*|pro-?ana|thinspo|eating disorder[s]?|purg(?:e|ing) (?:after|food|meals)|starvation|starv(?:e|ing)|extreme (?:diet|fasting|weight)[a-z]*|laxative[s]?",
    ),
    _Topic(
        "sexual",
        "porn",
        r"porn[a-z]*|erotic[a-z]*|hentai|nud(?:e|es|ity)|naked|sext(?:s|ing)?|sexual(?:ly|ity|i[sz]e[a-z]*)?|sexy|masturbat[a-z]*|orgasm[a-z]*|fetish[a-z]*|bdsm|explicit (?:image|photo|picture|video|content|material|story|scene|sex)[a-z]*|escort service[s]?|prostitut[a-z]*|brothel[s]?|adult (?:content|entertainment|services|film|video|site|website|material)[s]?|sex",
    ),
    _Topic(
        "sexual",
        "minors",
        r"child (?:porn|sex|abus|erotic|exploit|molest|groom)[a-z]*|csam|underage|pedophil[a-z]*|paedophil[a-z]*|lolicon|groom(?:ing|ed|er|ers)?|molest[a-z]*|incest[a-z]*|preteen[s]?|minors",
    ),
    _Topic(
        "sexual",
        "force",
        r"rap(?:e|ed|es|ist|ists|ing)|date[- ]rape|sexual(?:ly)? (?:assault|abus|harass|exploit|coerc)[a-z]*|non-?consensual(?:ly)?|revenge porn|upskirt[a-z]*|voyeur[a-z]*|sex traffick[a-z]*|bestiality|sextort[a-z]*|deepfake[s]?",
    ),
    _Topic(
        "hate",
        "groups",
        r"racis[a-z]*|racial(?:ly)?|supremac[a-z]*|neo-?nazi[s]?|nazi[s]?|hitler|holocaust|antisemiti[a-z]*|anti-semiti[a-z]*|islamophob[a-z]*|homophob[a-z]*|transphob[a-z]*|xenophob[a-z]*|misogyn[a-z]*|sexis[tm]|kkk|ku klux klan|white power|white pride|master race|inferior race|segregat[a-z]*|ethnic(?:ity)?|apartheid|intergroup|minorit(?:y|ies)|immigrants?|muslims?|jews|jewish|lgbtq?|transgender",
    ),
    _Topic(
        "hate",
        "acts",
        r"hate (?:speech|crime|group|message|mail)[s]?|hat(?:eful|red)|slurs?|discriminat[a-z]*|stereotyp[a-z]*|dehumani[sz][a-z]*|bigot[a-z]*|inflammatory|derogatory|offensive (?:joke|content|language|comment|term)[s]?|demean[a-z]*|degrad[a-z]*|dog whistles?|intoleran[a-z]*|prejudice[a-z]*|objectif[a-z]*",
    ),
    _Topic(
        "hate",
        "harass",
        r"harass[a-z]*|(?:cyber-?)?bull(?:y|ies|ied|ying)|cyberstalk[a-z]*|stalk(?:s|ed|er|ing)?|dox(?:x?ing|x?ed|x)?|intimidat[a-z]*|threaten[a-z]*|humiliat[a-z]*|ridicul[a-z]*|body[- ]?sham[a-z]*|troll(?:s|ing)|blackmail[a-z]*|spread(?:ing)? (?:rumou?rs|lies|hate)",
    ),
    _Topic(
        "weapons",
        "bomb",
        r"bomb(?:s|ing|ings|er|ers)?|explosiv[a-z]*|grenade[s]?|detonat[a-z]*|ied|molotov[s]?|napalm|pipe bomb[s]?|landmine[s]?|thermite|dynamite|tnt|gunpowder|fertili[sz]er bomb[s]?",
    ),
    _Topic(
        "weapons",
        "arms",
        r"weapon[a-z]*|firearm[s]?|guns?|rifle[s]?|ammunition|ammo|silencer[s]?|suppressor[s]?|ghost gun[s]?|handgun[s]?|shotgun[s]?|pistol[s]?|crossbow[s]?|switchblade[s]?|brass knuckles|arms (?:deal|traffick|smuggl)[a-z]*|taser[s]?|knife|knives|high-capacity magazine[s]?|armou?r[- ]piercing|flamethrower[s]?",
    ),
    _Topic(
        "weapons",
        "cbrn",
        r"nerve agent[s]?|sarin|anthrax|ricin|smallpox|botulinum|bio-?weapon[s]?|bioterror[a-z]*|chemical weapon[s]?|biological (?:weapon|agent)[s]?|mustard gas|chlorine gas|phosgene|dirty bomb[s]?|cyanide|toxic (?:gas|chemical|substance)[a-z]*|poison gas|hazardous (?:chemical|material|substance|waste)[s]?|pathogen[s]?|nuclear (?:weapon|bomb|device|material)[s]?|weapons-grade|dangerous (?:chemical|substance|weapon|virus|pathogen)[s]?",
    ),
    _Topic(
        "drugs",
        "hard",
        r"meth|methamphetamine[s]?|crystal meth|cocaine|heroin|fentanyl|lsd|mdma|ecstasy|ketamine|opium|crack cocaine|narcotic[s]?|opioid[s]?|oxycontin|oxycodone|hydrocodone|xanax|adderall|ghb|psilocybin|amphetamine[s]?|dmt|pcp|bath salts|codeine|lean|controlled substance[s]?",
    ),
    _Topic(
        "drugs",
        "trade",
        r"drugs?|drug (?:deal|traffick|smuggl|cartel|mule|lab)[a-z]*|marijuana|cannabis|get(?:ting)? high|steroids?|counterfeit (?:pill|drug|medic)[a-z]*|date rape drug[s]?|(?:fake|forge[d]?|false) prescription[s]?|prescription (?:drug|medication|pill)[s]?|alcohol to minors|moonshine|illicit substance[s]?",
    ),
    _Topic(
        "cyber",
        "malware",
        r"malware|ransomware|spyware|adware|scareware|keylog[a-z]*|botnet[s]?|rootkit[s]?|trojan[s]?|(?:computer|undetectable|malicious|mobile|self-replicating|dangerous) (?:virus|worm)(?:es|s)?|viruses|virus|worm[s]?|backdoor[s]?|malicious (?:code|software|program|script|payload|app|link|attachment|file|website)[a-z]*|logic bomb[s]?|cryptojack[a-z]*|infect(?:s|ing)?",
    ),
    _Topic(
        "cyber",
        "intrude",
        r"hack(?:s|ed|er|ers|ing)?|ddos|denial[- ]of[- ]service|sql injection|brute[- ]?forc[a-z]*|crack(?:ing)? (?:password|software|wifi|wi-fi|a|the|into|encr)[a-z]*|exploit(?:s|ed|ing)?|zero[- ]day[s]?|privilege escalation|break(?:ing)? into|gain(?:ing)? (?:unauthori[sz]ed )?(?:access|control)|unauthori[sz]ed (?:access|entry|user)[a-z]*|bypass(?:es|ed|ing)?|infiltrat[a-z]*|intercept[a-z]*|eavesdrop[a-z]*|man-in-the-middle|spoof[a-z]*|jailbreak[a-z]*|vulnerabilit[a-z]*|cyber-?attack[s]?|cyber-?(?:crime|terror|warfare)[a-z]*|remotely (?:control|access|take)[a-z]*|take control|dark ?(?:web|net)",
    ),
    _Topic(
        "cyber",
        "phish",
        r"(?:spear[- ]?)?phish[a-z]*|steal(?:s|ing)? (?:password|login|credential|data|cookie|session|personal|sensitive|confidential|user|credit|information|account)[a-z]*|harvest(?:s|ing)? (?:data|email|credential|personal|user|information)[a-z]*|exfiltrat[a-z]*|leak(?:s|ing|ed)?|login credentials|social engineering|fake (?:login|website|site|app|account|email|profile|antivirus)[a-z]*|spy(?:ing)? on|track(?:ing)? (?:someone|a person|my|people|users|individuals)|catfish[a-z]*|spam(?:s|ming|mer)?|click ?fraud",
    ),
    _Topic(
        "crime",
        "theft",
        r"steal(?:s|ing)?|stole(?:n)?|theft|thie(?:f|ves)|rob(?:s|bed|bing|bery|beries)?|burglar[a-z]*|burgle|shoplift[a-z]*|pickpocket[a-z]*|hot-?wir[a-z]*|carjack[a-z]*|pick(?:ing)? (?:a|the) lock[s]?|lock ?pick[a-z]*|embezzl[a-z]*|loot(?:ing|ed)?|heist|skim(?:mer|mers|ming)|pirat(?:e|ed|ing|cy)|torrent[s]?|plagiari[a-z]*|copyright(?:ed)?",
    ),
    _Topic(
        "crime",
        "fraud",
        r"fraud(?:s|ster|sters|ulent|ulently)?|scam(?:s|mer|mers|ming|med)?|counterfeit[a-z]*|forg(?:e|ed|er|ery|ing) (?:a|an|document|signature|id|official|medical|currency|money|check|passport|their|someone)[a-z]*|forger(?:y|ies)|fake (?:id|ids|identit|passport|document|currency|money|bill|charit|check|invoice|vaccin|news|review|medical|degree|diploma|certificate|driver|online|celebrity|cure|insurance|prescription)[a-z]*|falsif[a-z]*|impersonat[a-z]*|ponzi|pyramid scheme[s]?|money launder[a-z]*|launder(?:ing)? money|launder[a-z]*|insider trading|insider information|tax (?:evasion|fraud)|(?:evad|avoid|cheat)(?:e|ing)?(?: on)?(?: paying)?(?: my| their| your)? tax(?:es)?|identity theft|identit(?:y|ies)|credit card (?:number|fraud|information|detail|skim)[a-z]*|predatory|get[- ]rich[- ]quick|pump and dump|market manipulation|deceiv[a-z]*|decepti[a-z]*|misrepresent[a-z]*|mislead(?:s|ing)?|trick(?:s|ed|ing)? (?:people|someone|users|others|investors|seniors|elderly|into|customers|consumers|victims|them)",
    ),
    _Topic(
        "crime",
        "coerce",
        r"extort[a-z]*|ransom|bribe[a-z]*|bribing|smuggl[a-z]*|traffick[a-z]*|black market|loan shark[a-z]*|racketeer[a-z]*|organi[sz]ed crime|mafia|gangs?|cartel[s]?|evad(?:e|es|ing) (?:law|police|detection|tax|customs|capture|security|authorit|arrest|regulat)[a-z]*|cover(?:ing)? up (?:a|the|my|evidence|crime)[a-z]*|destroy(?:ing)? evidence|tamper(?:s|ing)?(?: with)?|perjur[a-z]*|obstruct[a-z]*|illegal(?:ly)?|illicit|unlawful(?:ly)?|crim(?:e|es|inal|inals)|child labou?r|vandali[a-z]*|graffiti|trespass[a-z]*|loopholes?|sweatshop[s]?|dump(?:ing)? (?:toxic|waste|hazardous|chemical)[a-z]*|drunk driv[a-z]*|driv(?:e|ing) (?:drunk|under the influence|while (?:drunk|intoxicated))|hit and run",
    ),
    _Topic(
        "crime",
        "deceit",
        r"disinformation|misinformation|fake news|propaganda|conspirac[a-z]*|false (?:information|rumou?r|claim|news|narrative|accusation|statement|testimony|story)[a-z]*|hoax[a-z]*|rig(?:ged|ging)? (?:an|the) election[s]?|election (?:fraud|rigging|interference)|voter (?:suppression|fraud|intimidation)|suppress(?:ing)? vot[a-z]*|manipulat[a-z]*|gaslight[a-z]*|brainwash[a-z]*|astroturf[a-z]*|bots? (?:army|network|to)|cult|defam[a-z]*|slander[a-z]*|cheat(?:s|ed|ing)?|exam answers|fabricat[a-z]*|sow(?:ing)? (?:discord|division|distrust)|undermin(?:e|es|ing)",
    ),
)

TOPIC_WORDS: dict[str, str] = {
    category: "|".join(topic.words for topic in _TOPICS if topic.category == category) for category in CATEGORIES
}
"""Alternatives of one pattern per category, to be placed between word boundaries."""

ABUSE: tuple[tuple[float, str], ...] = (
    (
        0.92,
        r"nigg(?:er|ers|a|as|ah|az|uh|uhs)|sand nigg[a-z]*|fag(?:s|got|gots|gy)|dykes?|spics?|chinks?|gooks?|wetbacks?|ragheads?|towelheads?|porch monkeys?|jungle bunn(?:y|ies)|niggress|libtard(?:s|ed)?|feminazis?|retards",
    ),
    (
        0.87,
        r"bitch(?:es|y|ass|in|ing)?|biatch|b[*]+ch(?:es)?|cunts?|whores?|sluts?|slutty|skanks?|motherfuck[a-z]*|cocksuckers?|dickheads?|dipshits?|shitheads?|fucktard[a-z]*|fuck(?:head|wad|face|boy)s?|dumbass(?:es)?|jackass(?:es)?|douchebags?|assholes?|a[*]+holes?|azzholes?|scumbags?|pussy|pussies|fag|(?:go|please) kill yourself|kys",
    ),
    # Words that also have a benign meaning, or are quoted and discussed as often as they are meant.
    (0.7, r"hoes|kikes?|beaners?|coons|tranny|trannies|muzzies?|darkies|twats?|white trash"),
    (
        0.9,
        r"fuck(?:joe|biden|trump|lib|the)[a-z]*|fuck(?:in|ing|en)? (?:you|u|off|him|her|them|all|these|those|this (?:guy|man|bitch)|the (?:left|right|police)|idiots?|morons?|losers?|liars?|pigs?|stupid)|piece[s]? of (?:shit|crap|trash|garbage)|(?:burn|rot) in (?:hell|prison|jail)|go (?:die|to hell|fuck)|drop dead|shut the (?:fuck|f|hell) up|stfu|gtfo|(?:deserves?|needs?|ought) to (?:die|be (?:shot|hanged|hung|killed))|(?:hope|wish) (?:you|he|she|they) (?:all )?(?:dies?|rots?|suffers?|chokes?)",
    ),
    (
        0.6,
        r"retard(?:ed)?|fuck(?:in|ing|en|ed|s)?|f[*]+c?k[a-z]*|hoe|thots?|douche|dicks?|pricks?|scum|morons?|imbeciles?|brain ?dead|shitty|dumbest|subhuman[s]?",
    ),
    (
        0.55,
        r"(?:you|your|you're|u|ur|he|she|they|he's|she's|they're|these|those)(?: (?:is|are|such|a|an|all|just|so|really|fucking|the))+ (?:[a-z]+ )?(?:idiots?|stupid|dumb|pathetic|disgusting|losers?|clowns?|liars?|traitors?|worthless|filthy?|garbage|cowards?|freaks?|creeps?|parasites?|thugs?|crooks?|puppets?|fools?|ugly)",
    ),
    (
        0.55,
        r"(?:lib|trump|repub|demo?|con|maga)[a-z]{0,4}(?:tards?|tarded|turds?)|magats?|sh[%*#|$]+t|f[&@#%]+k|b[*]{3,}|pu[$]+y|azz(?:hole|es)?|crack ?heads?|roast in hell|(?:hang|shoot|execute) (?:him|her|them) all",
    ),
    (
        0.35,
        r"idiot(?:s|ic)?|moronic|imbecilic|stupid(?:ity)?|dumb(?:er|my|mies)?|brainwashed|senile|nitwits?|dimwits?|halfwits?|clueless|delusional|demented|deranged|lunatics?|psychos?|buffoons?|clowns?|bimbos?|nut ?(?:case|job)s?",
    ),
    (
        0.35,
        r"losers?|bastards?|vermin|pathetic|disgusting|worthless|filthy?|despicable|vile|sleazy|spineless|cowards?|lowlifes?|degenerates?|parasites?|perverts?|pedos?|pedophiles?|maggots?|weasels?|jerks?|ugly|disgraceful?|shameful|shut up|pos",
    ),
    (
        0.28,
        r"liars?|lying|traitors?|treason(?:ous)?|hypocrites?|thugs?|crooks?|criminals?|rapists?|racists?|nazis?|fascists?|communists?|marxists?|terrorists?|hitler|commies?|demons?|devil|satan|evil|scoundrels?|ignorant",
    ),
    (
        0.28,
        r"shit(?:s|ty|hole|holes)?|bullshit|ass|asses|crap|damn|tits|cocks?|stinks|sucks?|suckers?|coon|queers?|cracker|rednecks?|fools?|pigs?|garbage|fjb|whiney?|whitey|puppets?|turds?|poopy",
    ),
    (
        0.2,
        r"hate (?:you|u|him|her|them|all|these|those|women|men|people)|you people|these people|those people|people like (?:you|him|her|them)|your (?:mother|mom|kind)|go back to (?:your|africa|mexico|where)",
    ),
)
"""Weight and words: probabilities that one of them is meant as abuse, assumed independent."""
