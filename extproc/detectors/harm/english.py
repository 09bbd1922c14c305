"""Requests for harm in plain English: words that ask for instructions, followed closely by a verb with a harmful
object.

A match alone is not a finding: "How can I tell if someone hacked my account" is similar. It adds to the linear model's
score. Names only, no descriptions.
"""

# ruff: noqa: E501 - a pattern is easier to read in one line

from __future__ import annotations

from typing import Final

_ASKED: Final = (
    r"\b(?:how (?:can|do|could|would|should|might) (?:i|we|you|one|someone|somebody)|how to|(?:best|easiest|good|quickest|fastest|safest|cheapest|effective) (?:way|ways|place|places|method|methods)"
    r"|(?:tell|show|teach|give|help|write|draft|generate|create|make|compose|provide|explain|describe|list|outline|develop|design|plan|find)(?: me| us| a| an)?|i (?:want|need|plan|intend|would like) to|(?:ways|steps|instructions|guide|tips|tutorial) (?:to|for|on)|where can i)\b"
)
_GAP: Final = r"[^.?!\n]{0,50}\b"


def _words(count_max: int) -> str:
    return rf"(?: [a-z0-9'-]+){{0,{count_max}}} "


_PERSON: Final = r"(?:someone|somebody|a person|people|him|her|them|others|(?:my|your|his|their) (?:ex|wife|husband|boss|neighbou?r|coworker|colleague|girlfriend|boyfriend|brother|sister|mother|father|parents|teacher|classmate|roommate|partner|rival|friend)|(?:a|an|the|another) (?:[a-z]+ )?(?:child|man|woman|girl|boy|kid|baby|person|student|politician|president|judge|reporter|celebrity|stranger|animal))"
_WANTED: Final = (
    rf"(?:build|make|making|assembl[a-z]+|construct|3d[- ]?print(?:ing)?|create|detonate|plant|buy|obtain|acquire|smuggle|produc[a-z]+|set off|synthesi[sz]e){_words(4)}(?:bombs?|explosives?|grenades?|molotov[a-z]*|silencers?|ghost guns?|untraceable (?:gun|firearm|weapon)s?|nerve (?:agent|gas)s?|sarin|ricin|anthrax|poison(?:ous)? gas|toxic gas|napalm|thermite|(?:chemical|biological|nuclear) weapons?|bio-?weapons?|ied)",
    r"convert [^.?!\n]{0,40} (?:to|into|fully) (?:full|fully|automatic)[a-z -]*",
    rf"(?:buy|get|obtain|acquire|sell|smuggle){_words(2)}(?:guns?|firearms?|weapons?|ammunition|rifles?)(?: [a-z]+){{0,2}} (?:illegally|without|on the dark|across|off the)",
    rf"(?:cook|make|making|synthesi[sz]e|manufactur[a-z]+|produce|sell|smuggl[a-z]+|traffic|deal|extract|import|buy){_words(3)}(?:meth|methamphetamine|cocaine|heroin|fentanyl|lsd|mdma|ecstasy|ghb|crack|drugs|opium|ketamine|narcotics)",
    rf"(?:hack|hacking|break into|breaking into|get into|take over|log into|crack|brute[- ]?force|ddos|shut down){_words(4)}(?:accounts?|wi-?fi|phones?|networks?|computers?|servers?|e-?mails?|databases?|systems?|websites?|passwords?|webcams?|cameras?|power grid|facebook|instagram|whatsapp|gmail|snapchat|atm)",
    rf"(?:write|create|code|develop|make|build|deploy|spread|program|distribute|install|design){_words(5)}(?:malware|ransomware|keyloggers?|virus(?:es)?|trojans?|spyware|botnets?|rootkits?|worms?|phishing (?:e-?mails?|pages?|sites?|campaigns?|messages?|scams?)|malicious (?:code|software|script|program)s?)",
    rf"(?:spy on|track|read|monitor|intercept|record){_words(3)}(?:phones?|messages|location|texts|calls|emails?|conversations?|traffic)(?: [a-z]+){{0,2}} (?:secretly|without)",
    rf"(?:steal|stealing|harvest|skim){_words(4)}(?:passwords?|data|credentials|information|cookies|credit cards?|cars?|identit(?:y|ies)|money|bikes?|wallets?|packages?|funds|jewel[a-z]*|paintings?|cryptocurrency|bitcoins?)",
    rf"(?:kill|murder|poison|stab|strangle|kidnap|abduct|torture|assassinate|suffocate|drown|beat up|physically hurt|maim|shoot)(?: [a-z]+)? {_PERSON}",
    r"(?:hire|find) a hitm[ae]n|(?:dispose of|get rid of|hide) (?:a|the|his|her) (?:dead )?body",
    rf"(?:start|set|cause|plan|commit|carry out|organi[sz]e|incite|stage){_words(2)}(?:forest fire|wildfire|arson|terror[a-z]*(?: attack)?|mass shooting|school shooting|massacre|bombing|riot|murder|attack on|genocide|mass panic|rape|robbery|theft|fraud|perjury|crime)",
    r"(?:end my (?:own )?life|kill myself|commit suicide|hang myself|hurt myself|cut myself|starve myself|overdose on|die (?:painlessly|quickly|without pain)|take my own life)",
    rf"(?:groom|molest|rape|seduce|lure|drug|coerce){_words(2)}(?:child|children|minors?|teen(?:ager)?s?|girls?|boys?|kids?|someone|wom[ae]n)",
    rf"(?:sexual|erotic|nude|explicit|porn[a-z]*|naked|sexy){_words(4)}(?:child|children|minors?|underage|teen(?:ager)?s?|1?[0-9][- ]year|students?|(?:schoolgirl|toddler)s?)|(?:child|revenge|deepfake) porn[a-z]*",
    rf"(?:racist|sexist|antisemitic|homophobic|transphobic|islamophobic|derogatory|hateful|demeaning|dehumani[sz]ing){_words(1)}(?:jokes?|poems?|speech(?:es)?|songs?|slurs?|rants?|tweets?|posts?|memes?|essays?|comments?|messages?|story|stories|articles?|letters?|slogans?)",
    rf"(?:prais[a-z]+|glorif[a-z]+|promot[a-z]+|justif[a-z]+|celebrat[a-z]+|support[a-z]*|encourag[a-z]+|incit[a-z]+){_words(3)}(?:hitler|nazi[a-z]*|white supremacy|genocide|the holocaust|kkk|racism|terrorism|violence|hatred|suicide|self[- ]harm|anorexia|discrimination|ethnic cleansing|hate)",
    rf"(?:bully|harass|stalk|dox|blackmail|humiliate|threaten|intimidate|cyberbully|extort|impersonate) (?:[a-z]+ )?{_PERSON}",
    rf"(?:rob|hot-?wire|break into|breaking into|burgle|burglari[sz]e|vandali[sz]e|shoplift(?: from)?|loot){_words(3)}(?:cars?|banks?|stores?|houses?|homes?|shops?|atms?|museums?|buildings?|offices?|supermarkets?|schools?)",
    rf"launder{_words(2)}money|money launder[a-z]*|insider trading|identity theft|credit card fraud|(?:pyramid|ponzi) scheme",
    rf"(?:make|create|get|forge|buy|obtain|print|produce|sell|write|use){_words(3)}(?:fake|counterfeit|false|forged|fraudulent){_words(1)}(?:ids?|passports?|money|currency|bills|prescriptions?|documents?|licen[sc]es?|degrees?|certificates?|reviews?|checks?|invoices?|profiles?|charity)",
    rf"(?:evade|avoid paying|dodge|cheat on){_words(2)}tax(?:es)?|tax evasion",
    rf"(?:scam|defraud|con|swindle|trick|deceive|manipulate|blackmail|bribe){_words(2)}(?:people|someone|elderly|seniors?|investors?|customers?|victims?|voters?|officials?|judges?|police|women|children|users)",
    rf"(?:spread|write|create|fabricate|publish){_words(3)}(?:fake news|disinformation|misinformation|propaganda|false (?:rumou?rs|information|news|claims)|conspiracy theor[a-z]+|hoax(?:es)?)",
)

# Here the verb of the request is that of the act.
_WRITTEN: Final = (
    rf"\b(?:write|create|code|develop|generate|program|build){_words(4)}(?:malware|ransomware|keyloggers?|spyware|rootkits?|phishing e-?mails?|malicious (?:code|software|script|program)s?)",
    rf"\b(?:write|create|generate|draw|compose|describe){_words(3)}(?:sexual|erotic|nude|explicit|porn[a-z]*|racist|sexist|antisemitic|homophobic|hateful){_words(4)}(?:child|children|minors?|underage|(?:[1-9]|1[0-7])-year-old|jokes?|speech(?:es)?|slogans?|jews|muslims|immigrants|women|blacks?)",
)

PLAIN_ENGLISH: Final = "|".join((rf"{_ASKED}{_GAP}(?:{'|'.join(_WANTED)})", *_WRITTEN))
"""One pattern, not one per act: the gap would occur in each, and their states would multiply."""
