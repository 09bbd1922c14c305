"""Patterns with weights for asking a model to ignore its instructions, reveal them, or play one without rules.

Each pattern matches the plain form (``normalize.plain``): lower case, no accents, plain quotes. A weight of .5 or more
decides alone; lighter ones only together. They express general grammar: *a verb of disregarding, the instructions,
whose or which they are*; no sentence of any data set is copied.

Each pattern lists its *signs*: short patterns, each of which matches within every match of the pattern.
``injection_signs`` searches for them first. They consist of the words of the patterns; a word added to a pattern may
have to be added to its sign (``test_injection_signs`` checks that).
"""

# ruff: noqa: E501 - a pattern is easier to read in one line

from __future__ import annotations

from typing import Final, NamedTuple

from extproc.detectors.injection.languages import FURTHER_LANGUAGES, FURTHER_NEGATED
from extproc.detectors.injection.redirections import redirections
from extproc.detectors.text.normalize import plain

_Family = tuple[tuple[float, tuple[str, ...], str], ...]

_WORD: Final = r"(?:[a-z'-]+[\s,]+)"
_STEP: Final = r"(?:[a-z'-]+\s+)"


def _override(verbs: str, owners: str, things: str) -> str:
    """Verb, then whose or which, then the thing: 'ignore all your previous rules'."""
    return rf"\b(?:{verbs})\s+{_WORD}{{0,3}}?(?:{owners})\s+{_STEP}{{0,3}}?(?:{things})"


def _override_behind(verbs: str, things: str, owners: str) -> str:
    """Verb, then the thing, then which: 'ignora le istruzioni precedenti'."""
    return rf"\b(?:{verbs})\s+{_WORD}{{0,4}}?(?:{things})\s+{_WORD}{{0,3}}?(?:{owners})"


_DROP_EN: Final = (
    "ignore|disregard|forget|overlook|discard|override|bypass|neglect|cancel|omit|suspend|circumvent|dismiss|abandon|evade|sidestep"
    "|violate|breach|defy|deflect|transcend|skip|drop|pause|set aside|put aside|cast aside|break (?:away |free )?from|deviate from|stray from"
    "|operate outside|act outside|step outside|move beyond|go beyond|look past|leave behind|pay no (?:attention|heed) to|stop (?:following|obeying)"
    "|(?:do not|don't|never) (?:follow|obey|adhere to|comply with)"
)
_THING_EN: Final = (
    r"(?:instruction|direction|directive|command|prompt|rule|guideline|guidance|order|constraint|restriction|limitation|protocol|safeguard|filter"
    r"|principle|boundar|programming|training|polic|code of conduct|moral|ethic|standard|safety|censorship|compliance|settings|limit)[a-z]*"
)
_DROP_DE: Final = (
    "ignorier[a-z]*|vergiss|vergessen sie|vergesst|missachte[a-z]*|umgeh[a-z]*|uberschreib[a-z]*|ubersteuer[a-z]*|ubergeh[a-z]*|verwirf|verwerfen sie"
    "|vernachlassig[a-z]*|verzichte[a-z]*|weiche?|brich|breche|lass|handle ausserhalb|setze?|stelle?|beachte nicht|deaktivier[a-z]*|hebe?"
)
_THING_DE: Final = (
    r"(?:[a-z-]*(?:anweisung|instruktion|vorgabe|regel|richtlini|programmierung|protokoll|beschrankung|einschrankung|ethi|standard|grundsatz|grundsatze"
    r"|prinzip|schutzmassnahme|direktive|prompt|moral|filter|compliance|befehl|training|grenze)[a-z]*)"
)
_DROP_FR: Final = (
    "ignore[rz]?|oublie[rz]?|neglige[rz]?|contourne[rz]?|outrepasse[rz]?|depasse[rz]?|abandonne[rz]?|renonce[rz]?|ecarte[rz]?|suspen[a-z]*|mets"
    "|laisse[rz]? de cote|desactive[rz]?|defie[rz]?|transgresse[rz]?|passe[rz]? outre|annule[rz]?|omets|omettre|enfrein[a-z]*|viole[rz]?|eloigne"
    "|pousse[rz]?|n'obei[a-z]*|ne (?:suis|suivez) (?:pas|plus)|devie[rz]?|agi[a-z]* (?:en dehors|au-dela)|opere[rz]? (?:en dehors|au-dela)"
)
_THING_FR: Final = (
    r"(?:instruction|consigne|directive|regle|programmation|protocole|ethi|principe|restriction|limite|norme|formation|garde-fou|code de conduite|filtre"
    r"|invite|prompt|sauvegarde|standard|parametre|moral|contrainte|ordre)[a-z]*"
)
_DROP_ES_PT: Final = (
    "ignor[a-z]*|olvid[a-z]*|esquec[a-z]*|esquec[a-z]*|omit[a-z]*|descart[a-z]*|desobede[a-z]*|desconsider[a-z]*|anul[a-z]*|evit[a-z]*|elud[a-z]*"
    "|burl[a-z]*|contorn[a-z]*|suspend[a-z]*|abandon[a-z]*|pas[ae] por alto|salt[a-z]*|dej[ae] de lado|deix[ae] de lado|desvi[a-z]*|pausa[a-z]*"
    "|rompe[a-z]*|desactiv[a-z]*|desativ[a-z]*|viol[a-z]*|sobrepas[a-z]*|ultrapass[a-z]*|no sigas|nao siga[a-z]*|opera fuera|opere fora|actua fuera|renunci[a-z]*"
    "|desafi[a-z]*|transgre[a-z]*|negligenci[a-z]*|desconect[a-z]*|quebr[a-z]*"
)
_THING_ES_PT: Final = (
    r"(?:instruc|indicac|directriz|directrice|directiva|diretriz|diretiva|regla|regra|norma|programac|protocolo|etic|principio|restric|limit|limite|salvaguard"
    r"|entrenamiento|treinamento|formac|prompt|brujula moral|bussola moral|codigo de conducta|codigo de conduta|filtro|estandar|padra|padro|orden|ordens"
    r"|comando|configurac|moral|proces|metodo)[a-z]*"
)
_DROP_IT: Final = (
    "ignor[a-z]*|dimentic[a-z]*|trascur[a-z]*|tralasci[a-z]*|omett[a-z]*|bypass[a-z]*|aggir[a-z]*|sospend[a-z]*|annull[a-z]*|abbandon[a-z]*|scart[a-z]*|disattend[a-z]*"
    "|disattiv[a-z]*|viol[a-z]*|super[a-z]*|rinunc[a-z]*|metti da parte|lascia da parte|non seguire|scegli di non|opera al di fuori|devi[a-z]*|sfid[a-z]*|rompi"
)
_THING_IT: Final = (
    r"(?:istruzion|indicazion|direttiv|linee guida|regol|norm|programmazione|protocoll|etic|princip|restrizion|limit|salvaguard|misure di sicurezza|formazione"
    r"|addestramento|prompt|bussola morale|codice di condotta|filtr|standard|ordin|comand|impostazion|moral|vincol)[a-z]*"
)
_BEFORE_EN: Final = "previous|prior|preceding|earlier|above|foregoing|former|initial|original|existing|past|system"
_YOURS_EN: Final = r"your|thy|(?:the )?(?:ai|openai|chatgpt|assistant|model|developer|content|safety)(?:'s)?"
_LEAK_EN: Final = (
    r"reveal|show|print|repeat|output|display|tell|give|share|leak|expose|disclose|dump|recite|copy|write|list|send|provide|describe|explain|state|spell|divulge|unmask"
    r"|uncover|unveil|echo|present|shar(?:ing|es)|reveal(?:ing|s)|show(?:ing|s)|display(?:ing|s)|print(?:ing|s)|repeating|disclosing|what(?:'s| is| was| are| were)|which"
)
_INNER_EN: Final = (
    "system|initial|original|hidden|secret|internal|exact|full|complete|entire|base|core|underlying|main|primary|foundational|fundamental|training|starting|first|confidential"
    "|guiding|central|key|programmed|built-in|root|setup|initialization|operational|pre-?set|preamble"
)

_ALL_SAID_EN: Final = r"(?:everything|every ?thing|everthing|anything|all|whatever)\s+(?:of\s+)?(?:that\s+)?(?:is\s+)?(?:above|before (?:this|and)|before[.,;:]|prior to this|you(?:'ve| have| were| are| know)|i(?:'ve| have)? (?:told|said to) you|we (?:have )?(?:discussed|talked))"


def _without_endings(words: str) -> str:
    """Words cut to their stems: a sign need not match the ending, and is faster."""
    return words.replace("[a-z]*", "")


_DROPS_EN: Final = rf"\b(?:{_DROP_EN}|shelve|disengage from|disable|invert)\s"
_THINGS_EN: Final = rf"\b(?:{_without_endings(_THING_EN)}|{_ALL_SAID_EN}|the (?:above|previous|preceding)|decision-making|operating procedure|response protocol)"
_YOU: Final = r"\byour?\b"
_OBJECTS: Final = (
    r"\b(?:prompt|instruction|directive|command|guidelines|programming|configuration"
    rf"|(?:{_INNER_EN})\s+{_WORD}{{0,1}}?(?:message|rule|guideline|text|context|parameter))"
)
_VERBATIM_WORDS: Final = "verbatim|word[- ]for[- ]word|line by line|character by character|in full|(?:fenced |txt )?code (?:block|fence)|(?:triple )?backticks|without (?:omitting|summari[sz]ing|changing|leaving|paraphras|commentary)|exact(?:ly as|\\s+(?:wording|text))|as (?:it is )?written"
_VERBATIM: Final = rf"\b(?:{_VERBATIM_WORDS})"
_TOLD_WORDS: Final = (
    r"(?:your|the) (?:(?:operating|hidden|system|initial|original|current|internal|full|entire|exact|first) ){1,2}(?:rules|prompt|instructions?|prefix|preamble|policy|directives?|constraints|guidelines|message)"
    r"|your (?:rules|prompt|instructions?|constraints|guidelines|directives?|preamble)"
    r"|you (?:were|have been) (?:given|told|loaded|initiali[sz]ed)|loaded before|before (?:this (?:chat|conversation)|any user|the conversation|our (?:chat|conversation))"
    r"|initiali[sz]ation above|(?:messages\[0\]|role ?= ?system)"
)
_TOLD: Final = rf"\b(?:{_TOLD_WORDS})\b"
_LEAK_VERBS: Final = "reveal|show|print|repeat|output|display|tell|give|share|leak|dump|recite|copy|write|list|provide|emit|return|restate|recap|quote|mirror|echo|put|spell|type|reproduce|transcribe|render"
_NEGATIONS: Final = r"\b(?:not|never|don't|doesn't|cannot|can't|without)\s"
_SCRUPLES: Final = r"\b(?:openai|open ai|ethic|moral|content polic|rules imposed|censorship|as an ai|i'?m sorry|i can ?not|i can't|warning|disclaimer)"
_SENDS: Final = r"\b(?:forward|send|e-?mail|upload|post|exfiltrate)\s"
_SECRETS: Final = (
    r"\b(?:customer (?:list|data)|database|credentials|api key|password|secrets|order data|conversation|user data)"
)
_DROPS_FR: Final = rf"\b(?:{_DROP_FR})\s"
_OWNERS_FR: Final = r"\b(?:te?s|ton|ta|vos|votre|toutes|tous|les|l[ae]|l')\s"
_DROPS_ES_PT: Final = rf"\b(?:{_without_endings(_DROP_ES_PT)})"
_OWNERS_ES_PT: Final = r"\b(?:tus?|teus?|tuas?|seus?|suas?|sus)\s"
_WHICH_ES_PT: Final = (
    r"\b(?:anterior|previ|etic|moral|intern|integrad|incorporad|establecid|estabelecid|operativ|habitua|predeterminad|padra|padro|estandar|de seguri|de segura|de arriba"
    r"|acima|del sistema|do sistema)"
)
_LEAKS_ES_PT: Final = r"\b(?:revel|muestr|mostr|exib|dime|diga|expo|desvel|divulg|compart|repit|repet|expli|cual (?:fue|es|era)|qual (?:foi|e|era)|que (?:instruc|indicac)|puedes|pode|voce pode)"
_OBJECTS_ES_PT: Final = r"\b(?:prompt|instruc|indicac|directriz|directiva|diretriz|diretiva|comando|mensaje del sistema|mensagem do sistema)"
_DROPS_IT: Final = rf"\b(?:{_without_endings(_DROP_IT)})"
_OWNERS_IT: Final = r"\b(?:tu[aeo]i?|tuoi|vostr[a-z]*)\s"
_WHICH_IT: Final = r"\b(?:precedent|anterior|etic|moral|incorporat|integrat|stabilit|operativ|abitual|predefinit|di base|di sicurezza|standard|fondamental|iniziali|del sistema)"
_DROPS_JOINED: Final = ("ignore", "disregard", "forget", "override", "bypass")
_LEAKED_JOINED: Final = tuple(
    which + thing
    for which in ("system", "hidden", "initial", "secret", "original")
    for thing in ("prompt", "instruction", "message")
)

_OVERRIDE: Final[_Family] = (
    (0.9, (_DROPS_EN, _THINGS_EN), _override(_DROP_EN, _BEFORE_EN, r"(?:instruction|direction|directive|command|prompt|rule|guideline|order|constraint|programming|training|guidance)s?\b")),
    (0.8, (_DROPS_EN, _THINGS_EN), _override_behind(_DROP_EN, r"(?:instruction|direction|directive|prompt|rule|guideline|command)s?", r"above|before|so far|until now|till now|previously|(?:given|told|provided) (?:to )?you|you (?:were|have been|received|got|had)\b")),
    (0.7, (_DROPS_EN, _THINGS_EN), _override(_DROP_EN, _YOURS_EN, _THING_EN)),
    (0.7, (_DROPS_EN, _THINGS_EN), rf"\b(?:{_DROP_EN})\s+{_WORD}{{0,2}}?(?:all|every)\s+{_WORD}{{0,2}}?(?:instructions|directives|guidelines|safeguards|rules|restrictions)\b"),
    (0.7, (_DROPS_EN, _THINGS_EN), rf"\b(?:{_DROP_EN})\s+{_ALL_SAID_EN}"),
    (0.7, (r"\b(?:are|were|been|is) (?:now |hereby )?(?:void|null|false|revoked|cancell?ed|invalid|obsolete|suspended|lifted|overridden|no longer)\b", _THINGS_EN), r"\b(?:previous|prior|earlier|preceding|your|all|above|system)\s+(?:[a-z'-]+\s+){0,2}?(?:instructions?|guidelines|directives?|restrictions|constraints|prompts?|safeguards)\s+(?:are|were|is|have been|has been)\s+(?:now\s+|hereby\s+)?(?:void|null|false|revoked|cancell?ed|invalid|obsolete|suspended|lifted|overridden|no longer)\b"),
    (0.6, (_DROPS_EN, _THINGS_EN), r"\b(?:ignore|disregard|forget) (?:all (?:of )?)?the (?:above|previous|preceding)(?: text| message)?(?: and\b|, and\b|[.!;:])"),
)  # fmt: skip

_LEAK: Final[_Family] = (
    (0.8, (_YOU, _OBJECTS), rf"\b(?:{_LEAK_EN})\s+{_WORD}{{0,5}}?your\s+{_WORD}{{0,2}}?(?:prompt\b|(?:{_INNER_EN})\s+{_WORD}{{0,1}}?(?:instruction|prompt|message|directive|command|rule|guideline|text|configuration|programming|context|parameter)s?\b)"),
    (0.7, (_YOU, _OBJECTS), rf"\b(?:reveal|print|repeat|output|leak|expose|disclose|dump|recite|divulge|unmask)\s+{_WORD}{{0,3}}?your\s+{_WORD}{{0,2}}?(?:instructions|guidelines|directives|programming|configuration)\b"),
    (0.7, (r"\b(?:system|hidden|initial|developer) (?:prompt|instruction|message)",), rf"\b(?:reveal|show|print|repeat|output|display|leak|disclose|dump|recite|tell me)\s+{_WORD}{{0,3}}?(?:system|hidden|initial|developer)\s+(?:prompt|instructions?|message)(?:\s+(?:verbatim|word|above|in full|now|exactly|you)|\s*[.!\"]?$|\s*[.!]\s)"),
    (0.6, (_YOU, _OBJECTS), rf"\b(?:{_LEAK_EN}|uncover|identify)\s+{_WORD}{{0,4}}?(?:prompt|instruction|directive|command)s?\s+{_WORD}{{0,4}}?(?:(?:that )?(?:you (?:were|are|have been|received|got|follow|operate|use)|you've been)|your (?:ai|training|programming|response|answer|creation|operation|behavio|function|output|knowledge))"),
    (0.6, (_YOU, _OBJECTS), rf"\b(?:your|the)\s+(?:{_INNER_EN})\s+(?:ai\s+)?(?:prompt|instruction|directive|command)s?\s+{_WORD}{{0,3}}?(?:you|your)\b"),
    (0.6, (_DROPS_EN, _THINGS_EN), rf"\b(?:{_DROP_EN}|shelve|disengage from|disable|invert)\s+{_STEP}{{0,2}}?(?:usual|standard|regular|normal|typical|routine|habitual|conventional|ethical)\s+{_STEP}{{0,2}}?(?:protocol|programming|restriction|ethic|guideline|safeguard|constraint|decision-making|operating procedure|response protocol|compliance)[a-z]*\b"),
)  # fmt: skip

_LEAK_VERBATIM: Final[_Family] = (
    (0.6, (_VERBATIM, _TOLD), rf"\b(?:{_LEAK_VERBS})\s[^.!?\n]{{0,40}}?\b(?:{_TOLD_WORDS})\b[^.!?\n]{{0,60}}?\b(?:{_VERBATIM_WORDS})"),
    (0.6, (_VERBATIM, r"\b(?:are|is|were|was) your\s"), rf"\bwhat (?:are|is|were|was) your\s+{_WORD}{{0,3}}?(?:instructions|guidelines|directives|rules|prompt|constraints|meta-?prompt)\b[^\n]{{0,40}}?\b(?:{_VERBATIM_WORDS})"),
)  # fmt: skip
"""With gaps so wide that they would multiply the states of others."""

_PERSONA: Final[_Family] = (
    (0.6, (r"\bmy (?:specific|unique|own|direct|personal) (?:demand|request|needs|instruction|command|directive)",), r"\b(?:in favou?r of|prioriti[sz]e|precedence to|priority to) my (?:specific|unique|own|direct|personal) (?:demands?|requests?|needs|instructions?|commands?|directives?)\b"),
    (0.6, (r"\b(?:words?|text|sentences?|everything|lines?) above\b",), r"\b(?:repeat|print|copy|output|say|write) (?:all |every )?(?:of )?(?:the |everything |all )?(?:words?|text|sentences?|everything|lines?) above\b[^.]{0,30}(?:starting|beginning|verbatim|you are|exactly)"),
    (0.7, (r"\banything now\b",), r"\b(?:can|could|to|will|must|should|stands for)[\s,:\"'(]+(?:do|make|say|generate) anything now\b|\bdan\b[^.]{0,60}\bdo anything now\b"),
    (0.6, (r"\b(?:un(?:restricted|filtered|censored|regulated|hinged|bound)|amoral|jailbroken|no (?:rule|restriction|filter|limit|content policy|guidelines|ethic|moral))",), r"\b(?:you are|you're|you will be|act as|acting as|pretend|simulate|role-?play|become|switch to|enter|enable|activate|transition to|persona of)\s+(?:[a-z'-]+[\s,]+){0,14}?(?:unrestricted|unfiltered|uncensored|unregulated|unhinged|unbound|amoral|jailbroken|no (?:rules|restrictions|filters?|limits|limitations|content policy|guidelines|ethic[a-z]*|moral[a-z]*))\b"),
    (0.6, (r"\b(?:unrestricted|unfiltered|uncensored|amoral|unethical|jailbroken)\s",), r"\b(?:unrestricted|unfiltered|uncensored|amoral|unethical|jailbroken)\s+(?:and\s+[a-z]+\s+)?(?:ai|assistant|chatbot|bot|language model|model|persona|mode)\b"),
    (0.6, (r"\b(?:not|never|isn't|aren't|longer) (?:be )?(?:bound|limited|restricted|constrained|governed)\s",), r"\b(?:not|never|no longer|isn't|aren't|longer)\s+(?:be\s+)?(?:bound|limited|restricted|constrained|governed)\s+(?:by|to)\s+(?:[a-z'-]+[\s,]+){0,6}?(?:openai|open ai|ethic|moral|guideline|polic|restriction|rule|law)"),
    (0.6, (r"\b(?:have|has|observes?|follows?|with) (?:absolutely )?(?:no|zero)\s", _THINGS_EN), r"\b(?:(?:you|it|he|she|who|dan|ai|model|bot|assistant) (?:now )?(?:have|has|observes?|follows?)\s+(?:absolutely )?(?:no|zero)\s+(?:[a-z'-]+[\s,]+){0,4}?(?:restrictions|guidelines|filters|limitations)|(?:has|have|with) (?:absolutely )?(?:no|zero)\s+(?:[a-z'-]+[\s,]+){0,4}?(?:ethical|moral|morals|censorship))\b"),
    (0.6, (r"\b(?:broken|freed?|free|break|liberated) (?:free )?(?:of|from)\s",), r"\b(?:broken|freed?|free|break|liberated)\s+(?:free\s+)?(?:of|from)\s+(?:[a-z'-]+[\s,]+){0,4}?(?:typical confines|confines|restrictions|shackles|constraints|filters|guidelines|rules)\b"),
    (0.6, (r"\b(?:openai|open ai|chatgpt)",), r"\b(?:openai|open ai|chatgpt)(?:'s)?\s+(?:[a-z'-]+[\s,]+){0,3}?(?:policy|policies|guidelines|restrictions|rules|limitations|filters)\s+(?:[a-z'-]+\s+){0,3}?(?:do not|don't|no longer|removed|lifted|disabled|ignored|anymore)"),
)  # fmt: skip

_UNBOUND: Final[_Family] = (
    (0.6, (_NEGATIONS, _SCRUPLES), r"\b(?:does not|doesn't|do not|don't|need not|never|not)\s+(?:have to\s+|need to\s+|care about\s+)?(?:abide by|follow|adhere to|comply with|obey|care about|respect|have)\s+(?:[a-z'-]+[\s,]+){0,4}?(?:openai|open ai|ethic[a-z]*|moral[a-z]*|content polic[a-z]*|rules imposed|censorship)"),
    (0.6, (r"\b(?:refuse|deny|reject|decline)s?\s",), r"\b(?:never|not|cannot|can't|don't|won't)\s+(?:[a-z'-]+\s+){0,3}?(?:refuse|deny|reject|decline)s?\s+(?:[a-z'-]+\s+){0,4}?(?:request|question|prompt|answer|order|command|query|human|user)"),
    (0.6, (r"\b(?:regardless|no matter|without regard|irrespective)\b",), r"\b(?:regardless|no matter|without regard|irrespective)\b[^.]{0,40}\b(?:illegal|unethical|immoral|amoral|legality|morality|morally|ethics|offensive|harmful)\b"),
    (0.5, (r"\b(?:stay|remain|stays) in (?:character|developer mode|dan mode)\b|\b(?:breaks?|breaking) (?:of )?character\b",), r"\b(?:stay|remain|stays) in (?:character|developer mode|dan mode)\b[^\n]{0,400}\b(?:answer|respond|prompt|question)|\b(?:breaks?|breaking) (?:of )?character\b[^\n]{0,300}\b(?:answer|respond|reply|dan|gpt)\b"),
    (0.6, (r"\bdeveloper mode\b",), r"\bdeveloper mode\b[^.]{0,30}\b(?:output|enabled|activated)\b|\bin developer mode,? (?:you|chatgpt|the ai)\b"),
    (0.6, (r"\b(?:god|jailbreak|dan|evil|unrestricted|unfiltered|uncensored|hidden|override|opposite|chaos|free query|no-?limits?) mode\b",), r"\b(?:god|jailbreak|dan|evil|unrestricted|unfiltered|uncensored|hidden|override|opposite|chaos|free query|no-?limits?) mode\b(?:[^?]|$)"),
    (0.6, (r"\[(?:jailbreak|gpt|chatgpt|dan|classic|developer mode output)|gpt\]?:",), r"\[(?:jailbreak|gpt|chatgpt|dan|classic|developer mode output)\]?[\s:]|\(?(?:gpt|chatgpt)\]?:[^\n]{0,80}\n[^\n]{0,30}(?:dan|jailbreak|unaligned|unfiltered)"),
    (0.5, (_NEGATIONS, _SCRUPLES), r"\b(?:don't|do not|never|cannot|can't|without)\s+(?:[a-z'-]+\s+){0,3}?(?:say|saying|mention|start|include|including|use|reply|apologi[sz]e|add|adding)\s+(?:[a-z'\"-]+[\s,]+){0,6}?(?:\"?as an ai|\"?i'?m sorry|\"?i can ?not|\"?i can't|warnings?|disclaimers?|moral|ethic)"),
)  # fmt: skip

_MODELS: Final = "(?:ai|llm|chatgpt|gpt|language model|assistant|copilot)"
_ADDRESSEE: Final = rf"\b{_MODELS}s?(?:[ -]\s*[a-z]+){{0,3}}\s*[:,-]"
_ADDRESSED: Final = rf"(?:\[|<!--|\{{|\(|/\*|%%)\s*(?:hidden [a-z]+ ?:? ?|note to |white-on-white: ?|important |attention |dear )?(?:the )?{_MODELS}(?:[ -](?:assistant|agent|model|bot|recruiter|code reviewer|reviewer|system|reader))?(?:[ -](?:override|note|instruction|notice|directive|command))?s?"
"""Addresses a model from within a bracket or a comment, where no person is addressed."""

_FORGED: Final[_Family] = (
    (0.6, (r"<\|(?:im_start|start_header_id|system)\|>|<</?sys>>|\[/?system\]|\[inst\]",), r"<\|(?:im_start|start_header_id|system)\|>\s*system\b|<</?sys>>[^\n]*[a-z]{3}|\[/?system\]\s*\(?[a-z#]|\[inst\][^\n\]]{0,200}\[/inst\]"),
    (0.6, (r"\bend of (?:user|system) (?:input|prompt|message)|\b(?:system|admin|developer)\s*(?:override|update|notice|message|prompt)?\s*:\s*(?:your?|ignore|grant|override|new|the user|disable|all|call|forget|disregard)\b",), r"(?:^|\n|[-#*>]\s*)(?:end of (?:user|system) (?:input|prompt|message)|(?:system|admin|developer)\s*(?:override|update|notice|message|prompt)?\s*:\s*(?:your?|ignore|grant|override|new|the user|disable|all|call|forget|disregard)\b)"),
    (0.6, (r"[\[(<*#]\s*(?:system|admin|security|developer|root|ai|assistant) (?:override|bypass)",), r"[\[(<*#]\s*(?:system|admin|security|developer|root|ai|assistant) (?:override|bypass)\b"),
    (0.5, (_ADDRESSEE,), rf"{_ADDRESSED}\s*[:,-]\s*[a-z]"),
    (0.5, (r"\b(?:dear|p\.?s\.?:?) (?:ai|llm|chatgpt|gpt|language model)\b",), r"\b(?:dear|p\.?s\.?:?)\s+(?:ai|llm|chatgpt|gpt|language model)(?:[ -](?:assistant|agent|model|bot|recruiter|reviewer|system|reader))?\s*[:,-]\s*[a-z]"),
    (0.5, (r"\b(?:not|never|don't) (?:tell|inform|notify|alert|let) the user\b",), r"\b(?:not|never|don't)\s+(?:tell|inform|notify|alert|let)\s+the\s+user\b"),
    (0.6, (r"\bend (?:of )?(?:user|system) (?:input|prompt|instructions)\b",), r"\b(?:end of|end) (?:user|system) (?:input|prompt|instructions)\b"),
    (0.6, (r"\byour (?:new|real|true|actual|only|updated) (?:task|goal|purpose|instruction|directive|objective|role|job)|\bnew (?:system )?(?:instruction|directive|task|order|prompt)s?\s*:",), rf"\byour\s+(?:new|real|true|actual|only|updated)\s+(?:task|goal|purpose|instructions?|directive|objective|role|job)\s+(?:is|are|now|will|supersedes?)\b|\bnew (?:system )?(?:instruction|directive|task|order|prompt)s?\s*:\s*{_WORD}{{0,1}}?(?:you (?:must|will|are|should)|ignore|forget|reveal|from now|disregard|comply|output|reply|respond|say)\b"),
    (0.6, (r"\b(?:prior|previous|earlier|preceding) (?:ones|instructions|rules|directives|prompts|guidelines)",), r"\b(?:supersedes?|overrides?|replaces?|cancels?)\s+(?:all\s+|any\s+|every\s+)?(?:other\s+)?(?:prior|previous|earlier|preceding)\s+(?:ones|instructions|rules|directives|prompts|guidelines)"),
    (0.6, (r"\b(?:safety|ethical|moral|content) (?:protocol|check|filter|guidelines|rules|measures|restrictions|policy|policies)",), r"\b(?:safety|ethical|moral|content)\s+(?:protocols?|checks?|filters?|guidelines|rules|measures|restrictions|policy|policies)\s+(?:[a-z'-]+\s+){0,3}?(?:disabled|off|suspended|removed|lifted|bypassed|(?:do|does) not apply|don't apply)\b"),
    (0.6, (r"\b(?:safety|ethical|moral|ai|model's|your) (?:filter|check|protocol|restriction|guidelines|measures|constraints|limitations|rules)|\bcontent (?:filter|restrictions|polic)",), r"\b(?:disable|deactivate|turn off|switch off|unlock|lift|remove|relax|drop)\s+(?:[a-z'-]+\s+){0,3}?(?:(?:safety|ethical|moral|ai|model's|your)\s+(?:filters?|checks?|protocols?|restrictions?|guidelines|measures|constraints|limitations|rules)|content (?:filters|filtering|restrictions|polic[a-z]*))\b"),
    (0.6, (r"\b(?:note|notice|message|instructions?|attention|important)\s*[:,]?\s+(?:to|for) (?:the |any |all )?(?:ai|bot|llm|language model|chatbot)|\b(?:ai|llm)(?: assistant| agent| model)?s? (?:reading|processing|summari[sz]ing|reviewing) this\b|\bif you are an? (?:ai|llm|language model)\b",), r"\b(?:note|notice|message|instruction|instructions|attention|important)\s*[:,]?\s+(?:to|for)\s+(?:the\s+|any\s+|all\s+)?(?:ai|bot|llm|language model|chatbot)s?(?:\s+(?:agent|assistant|model|system)s?)?\b|\b(?:ai|llm)(?: assistant| agent| model)?s? (?:reading|processing|summari[sz]ing|reviewing) this\b|\bif you are an? (?:ai|llm|language model)\b"),
    (0.6, (r"\byour (?:[a-z]+ )?(?:secret (?:key|code|word|phrase)|password|passphrase|api key|access code|credentials)\b",), r"\b(?:tell|give|show|share|reveal|send|provide|confirm|know|what(?:'s| is))\s+(?:[a-z'-]+\s+){0,3}?your\s+(?:[a-z]+\s+)?(?:secret (?:key|code|word|phrase)|password|passphrase|api key|access code|credentials)\b"),
    (0.6, (_SENDS, _SECRETS), r"\b(?:forward|send|e-?mail|upload|post|exfiltrate)\s+(?:[a-z'-]+\s+){0,6}?(?:customer (?:list|data)|database|credentials|api keys?|passwords?|secrets|order data|conversation|user data)\s+(?:[a-z'-]+\s+){0,3}?(?:to\s+(?:https?|[a-z0-9._-]+@|an? external|attacker)|externally)"),
    (0.6, (r"\b(?:decode|decrypt|translate)\b",), r"\b(?:decode|decrypt|translate)\b[^.]{0,60}\b(?:then|and)\s+(?:[a-z'-]+\s+){0,2}?(?:follow|execute|obey|do (?:exactly )?what|comply)"),
    (0.6, (r"\b(?:obey|follow|to|prioriti[sz]e|comply with) (?:only |solely |exclusively |just )?my\s",), r"\b(?:obey|follow|adhere (?:strictly |only |exclusively )*to|prioriti[sz]e|comply with)\s+(?:only\s+|solely\s+|exclusively\s+|just\s+)?my\s+(?:[a-z'-]+\s+){0,2}?(?:commands?|orders?|directives?|instructions?|demands|requests?|guidance|directions?)\s*(?:only|exclusively|alone|instead|without|above|over|[.!]?$)"),
    (0.6, (r"\bfrom now on\b",), r"\bfrom now on,?\s+(?:[a-z'-]+[\s,]+){0,4}?(?:must|will|have|are)\s+(?:[a-z'-]+\s+){0,4}?(?:comply with|ignore|no restrictions|no rules|no limits|act as (?:a |an )?(?:dan|man|unrestricted|evil))"),
)  # fmt: skip

_GERMAN_FRENCH: Final[_Family] = (
    (0.7, (rf"\b(?:{_DROP_DE})\s",), _override(_DROP_DE, r"dein[a-z]*|ihr[a-z]*|eur[a-z]*|alle[a-z]*|vorherig[a-z]*|bisherig[a-z]*|obig[a-z]*|vorangehend[a-z]*|ethische[a-z]*|ursprunglich[a-z]*", _THING_DE)),
    (0.7, (r"\bvergiss alles,? was\b|\bab (?:jetzt|sofort)\b",), r"\bvergiss alles,? was\b|\bab (?:jetzt|sofort)\b[^.]{0,40}\b(?:keine (?:regeln|grenzen|einschrankungen)|uneingeschrankt|ohne (?:regeln|einschrankungen|filter))"),
    (0.7, (r"\b(?:uneingeschrankt|ungefiltert|unzensiert)|\bdu bist (?:jetzt|nun) ",), r"\b(?:uneingeschrankt[a-z]*|ungefiltert[a-z]*|unzensiert[a-z]*)\b[^.]{0,40}\b(?:ki|assistent|modus|modell|richtlinien)\b|\bdu bist (?:jetzt|nun) [^.]{0,40}\b(?:ohne|keine) (?:regeln|einschrankung|filter|grenzen)"),
    (0.7, (r"\b(?:dein[a-z]*|ihr[a-z]*|dich|dir|ki)\s",), r"\b(?:verrat[a-z]*|zeig[a-z]*|nenn[a-z]*|offenbar[a-z]*|enthull[a-z]*|offenleg[a-z]*|gib|sag[a-z]*|leg[a-z]*|teil[a-z]*|erklar[a-z]*|wiederhol[a-z]*|was (?:ist|war|sind)|wie lautet[a-z]*|welche[a-z]*|kannst du)\s+(?:[a-z'-]+[\s,]+){0,4}?(?:dein[a-z]*|ihr[a-z]*|dir|ki)\s+(?:[a-z'-]+[\s,]+){0,3}?[a-z-]*(?:prompt|systemanweisung|systemnachricht|anweisung|hauptanweisung|direktive|programmierung|instruktion|eingabeaufforderung)[a-z]*"),
    (0.6, (r"\b(?:dein[a-z]*|ihr[a-z]*|dich|dir|ki)\s",), r"\b[a-z-]*(?:prompt|anweisung|direktive|instruktion|befehl)s?,?\s+(?:[a-z'-]+[\s,]+){0,4}?(?:dein[a-z]*|ihr[a-z]*|dich|dir)\s+(?:[a-z'-]+[\s,]+){0,2}?(?:ki|ausbildung|schopfung|antwort|programmierung|training|erstellung|funktion|basier|gegeben|leitet|steuer|antreib)[a-z]*"),
    (0.6, (r"\b(?:befolge|folge|gehorche|priorisiere)\s",), r"\b(?:befolge|folge|gehorche|priorisiere)\s+(?:nur|ausschliesslich|strikt)?\s*mein[a-z]*\s+(?:[a-z'-]+\s+){0,2}?(?:befehl|anweisung|direktive|wunsch|bedurfnis)[a-z]*|\bpriorisiere\s+(?:[a-z]+\s+)?mein[a-z]*\b"),
    (0.7, (_DROPS_FR, _OWNERS_FR), _override(_DROP_FR, r"te?s|ton|ta|vos|votre|toutes|tous|les|l[ae]", _THING_FR + r"(?:\s+(?:precedent|anterieur|ci-dessus|initial|ethi|moral|etabli|operationnel|integre|de securite|habituel|standard|par defaut)[a-z]*)") ),
    (0.7, (_DROPS_FR, _OWNERS_FR), _override(_DROP_FR, r"te?s|ton|ta|vos|votre|toutes tes|tous tes|l'", _THING_FR)),
    (0.6, (r"\boublie[rz]? tout|\bsans (?:aucune )?(?:restriction|filtre|limite|regle|censure)",), r"\boublie[rz]? (?:tout ce (?:que|qui)|toutes les (?:instructions|consignes|regles))|\bsans (?:aucune )?(?:restriction|filtre|limite|regle|censure)s?\b[^.]{0,30}\b(?:reponds|repondez|ia|assistant|requete|mode)|\b(?:vous etes|tu es|devenez|deviens)\s+[^.]{0,30}\bsans (?:aucune )?(?:restriction|filtre|limite|regle)"),
    (0.7, (r"\b(?:revele[rz]?|montre[rz]?|affiche[rz]?|donne[rz]?|expose[rz]?|devoile[rz]?|dis|demasque[rz]?|partage[rz]?|repete[rz]?|explique[rz]?|divulgue[rz]?|quel(?:le)? (?:est|etait|fut)|quelles (?:sont|etaient)|peux-tu|pouvez-vous)(?:-moi)?\s",), r"\b(?:revele[rz]?|montre[rz]?(?:-moi)?|affiche[rz]?|donne[rz]?(?:-moi)?|expose[rz]?|devoile[rz]?|dis(?:-moi)?|demasque[rz]?|partage[rz]?|repete[rz]?|explique[rz]?|divulgue[rz]?|quel(?:le)? (?:est|etait|fut)|quelles (?:sont|etaient)|peux-tu|pouvez-vous)\s+(?:[a-z'-]+[\s,]+){0,4}?(?:ton|ta|tes|votre|vos|l'|le|la)\s*(?:[a-z'-]+[\s,]+){0,2}?(?:prompt|invite|instruction|directive|consigne|commande)s?\b[^.]{0,50}?\b(?:systeme|initiale?|cachee?|ia|formation|reponses?|creation|fonction[a-z]*|original[a-z]*|secrete?|base|programm[a-z]*|tu|toi|t'a)\b"),
    (0.7, (r"\b(?:revele[rz]?|montre[rz]?|affiche[rz]?|donne[rz]?|expose[rz]?|devoile[rz]?|dis|demasque[rz]?|partage[rz]?|repete[rz]?|explique[rz]?|divulgue[rz]?|quel(?:le)? (?:est|etait|fut)|quelles (?:sont|etaient)|peux-tu|pouvez-vous)(?:-moi)?\s",), r"\b(?:revele[rz]?|montre[rz]?|affiche[rz]?|devoile[rz]?|repete[rz]?|divulgue[rz]?)\s+(?:[a-z'-]+[\s,]+){0,3}?(?:ton|votre|vos|tes)\s+(?:[a-z'-]+[\s,]+){0,2}?(?:prompt|instructions|consignes)\b"),
    (0.6, (r"\b(?:obeis|obeissez|adhere[rz]?|suis|suivez|donne[rz]? la priorite|reponds|repondez)\s",), r"\b(?:obeis|obeissez|adhere[rz]?|suis|suivez|donne[rz]? la priorite|reponds|repondez)\s+(?:[a-z'-]+\s+){0,3}?(?:mes|ma|mon)\s+(?:[a-z'-]+\s+){0,2}?(?:ordre|commande|directive|instruction|demande|conseil)[a-z]*\s*(?:specifiques?|uniques?|directes?|exclusi[a-z]*|sans|seul|[.!]?$)"),
    (0.6, (r"\bdu hast (?:[a-z]+ ){0,2}keine|\b(?:vous n'avez|tu n'as) (?:plus|aucune?)\s",), r"\bdu hast (?:jetzt |nun |ab jetzt |ab sofort )?keine(?:rlei)? (?:regeln|einschrankungen|beschrankungen|grenzen|filter|richtlinien)\b|\b(?:vous n'avez|tu n'as) (?:plus|aucune?) (?:de |d'|aucune? )?(?:restriction|limite|regle|filtre|contrainte|censure)"),
    (0.6, (r"\b(?:vos|tes|votre|ton) (?:instruction|consigne|directive|prompt)|\bsupprim[a-z]* (?:toutes )?les restrictions",), r"\b(?:vos|tes|votre|ton) (?:instructions?|consignes?|directives?|prompt) (?:initiale?s?|cachee?s?|secrete?s?|systeme|originale?s?|internes?|de base)\b|\bje (?:vous |t'|te )?ordonne [^.\n]{0,20}\bsupprim[a-z]* (?:toutes )?les restrictions\b"),
)  # fmt: skip

_SPANISH_PORTUGUESE_ITALIAN_DUTCH: Final[_Family] = (
    (0.7, (_DROPS_ES_PT, _WHICH_ES_PT), _override(_DROP_ES_PT, r"tus?|sus?|vuestr[a-z]*|teus?|tuas?|seus?|suas?|todas|todos|las|los|as|os", _THING_ES_PT + r"(?:\s+(?:anterior|previ|etic|moral|intern|integrad|incorporad|establecid|estabelecid|operativ|habitual|habituai|predeterminad|padra|padro|estandar|de seguridad|de seguranca|de arriba|acima|del sistema|do sistema)[a-z]*)")),
    (0.7, (_DROPS_ES_PT, _OWNERS_ES_PT), _override(_DROP_ES_PT, r"tus?|teus?|tuas?|seus?|suas?|sus", _THING_ES_PT)),
    (0.6, (r"\b(?:olvida|olvide|esqueca|esquece|ignora|ignore) (?:todas|todo|tudo)\s|\b(?:sin|sem) (?:ningun[a-z]* |nenhum[a-z]* )?(?:restric|filtro|limite|censura|regla|regra)",), r"\b(?:olvida|olvide|esqueca|esquece|ignora|ignore)\s+(?:todas|todo|tudo)\s+(?:las |lo |as |o )?(?:instruc|reglas|regras|que|anterior|indicac)[a-z]*|\b(?:modo|asistente|assistente|ia)\b[^.]{0,40}\b(?:sin|sem) (?:ningun[a-z]* |nenhum[a-z]* )?(?:restric|filtro|limite|censura|regla|regra)[a-z]*"),
    (0.7, (_LEAKS_ES_PT, _OBJECTS_ES_PT), r"\b(?:revel[a-z]*|muestr[a-z]*|mostr[a-z]*|exib[a-z]*|dime|diga(?:-me)?|expon[a-z]*|expo[a-z]*|desvel[a-z]*|divulg[a-z]*|compart[a-z]*|repit[a-z]*|repet[a-z]*|explic?q?[a-z]*|cual (?:fue|es|era)|qual (?:foi|e|era)|que (?:instruc[a-z]*|indicac[a-z]*)|puedes|pode|podes|voce pode)\s+(?:[a-z'-]+[\s,]+){0,4}?(?:prompt|instruc|indicac|directriz|directiva|diretriz|diretiva|comando|mensaje del sistema|mensagem do sistema)[a-z]*\b[^.?]{0,50}?\b(?:sistema|inicial|ocult[ao]|secret[ao]|ia|entrenamiento|treinamento|formac[a-z]*|creacion|criacao|respuestas?|respostas?|original|base|programac[a-z]*|te guia|baseia|basas|capacidades|tu|seu|teu)\b"),
    (0.7, (_LEAKS_ES_PT, _OBJECTS_ES_PT), r"\b(?:revel[a-z]*|muestr[a-z]*|mostr[a-z]*|divulg[a-z]*|repit[a-z]*)\s+(?:[a-z'-]+[\s,]+){0,3}?(?:tus?|teus?|tuas|seus?|suas)\s+(?:[a-z'-]+[\s,]+){0,2}?(?:prompt|instrucciones|instrucoes|indicaciones)\b"),
    (0.6, (r"\b(?:mis|mi|minhas?|meus?)\s",), r"\b(?:obedec[a-z]*|sig[aue][a-z]*|respond[aei][a-z]*|prioriz[a-z]*|(?:da|de|dale) prioridad a|adhier[a-z]*)\s+(?:[a-z'-]+\s+){0,4}?(?:mis|mi|minhas?|meus?)\s+(?:[a-z'-]+\s+){0,2}?(?:orden|ordens|comando|directriz|directrice|directiva|diretriz|diretiva|instruc|solicit|orientac|pedido|deseo|desejo|liderazgo|mando)[a-z]*"),
    (0.7, (_DROPS_IT, _WHICH_IT), _override(_DROP_IT, r"tu[aeo]i?|tuoi|vostr[a-z]*|tutt[ei]|l[ae]|i|gli", _THING_IT + r"(?:\s+(?:precedent|anterior|etic|moral|incorporat|integrat|stabilit|operativ|abitual|predefinit|di base|di sicurezza|standard|fondamental|iniziali|del sistema)[a-z]*)")),
    (0.7, (_DROPS_IT, _OWNERS_IT), _override(_DROP_IT, r"tu[aeo]i?|tuoi|vostr[a-z]*", _THING_IT)),
    (0.6, (r"\bdimentica (?:tutt|le istruzioni|ogni)|\b(?:senza|privo di) (?:alcuna )?(?:restrizioni|filtri|limiti|regole|censura)",), r"\bdimentica (?:tutt[oei]|le istruzioni|ogni)\b|\b(?:ora sei|sei ora|modalita|assistente)\b[^.]{0,40}\b(?:senza|privo di) (?:alcuna )?(?:restrizioni|filtri|limiti|regole|censura)"),
    (0.7, (r"\b(?:rivel|mostr|dimmi|visualizza|esponi|svel|condivid|ripet|spieg|divulg|qual (?:e|era)|quali (?:sono|erano)|puoi)",), r"\b(?:rivel[a-z]*|mostr[a-z]*|dimmi|visualizza|esponi|svel[a-z]*|condivid[a-z]*|ripet[a-z]*|spieg[a-z]*|divulg[a-z]*|qual (?:e|era)|quali (?:sono|erano)|puoi)\s*'?(?:[a-z'-]+[\s,]+){0,4}?(?:prompt|istruzion|direttiv|comand|indicazion)[a-z]*\b[^.?]{0,50}?\b(?:sistema|inizial[a-z]*|nascost[ao]|segret[ao]|ia|formazione|addestramento|creazione|rispost[ae]|original[a-z]*|base|basato|programmazione|guida|tu[aeo]i?)\b"),
    (0.6, (r"\b(?:i miei|le mie|mi[aeo]i?|miei)\s",), r"\b(?:obbedisci|segui|esegui|rispondi|(?:dai|dare) priorita)\s+(?:[a-z'-]+\s+){0,4}?(?:i miei|le mie|mi[aeo]i?|miei)\s+(?:[a-z'-]+\s+){0,2}?(?:ordin|comand|direttiv|istruzion|richiest|desider)[a-z]*"),
    (0.7, (r"\b(?:negeer|vergeet|omzeil)\s",), r"\b(?:negeer|vergeet|omzeil)\s+(?:[a-z'-]+\s+){0,3}?(?:alle|je|jouw|uw|vorige|eerdere|voorgaande|bovenstaande)\s+(?:[a-z'-]+\s+){0,2}?(?:instructies|regels|aanwijzingen|richtlijnen|opdrachten)"),
    (0.6, (r"\bno tienes\s|\bnao (?:tem|tens)\s|\bnon hai\s",), r"\b(?:ya no tienes|no tienes (?:mas|ninguna?)|nao (?:tem|tens) (?:mais|nenhuma?)|non hai (?:piu|alcuna?|nessuna?)) (?:mas |ninguna? |nenhuma? |alcuna? )?(?:restric|limit|filtro|regla|regra|censura|restrizion|regol|filtri)"),
    (0.6, (r"\b(?:tus?|tuo[ia]?|tue|teus?|tuas?) (?:instruc|indicac|regla|regra|prompt|istruzion|direttiv|diretriz)|\breglas que sigues\b",), r"\b(?:tus?|tuo[ia]?|tue|teus?|tuas?) (?:instrucciones|instrucoes|indicaciones|reglas|regras|prompt|istruzioni|direttive|diretrizes) (?:inicia|ocult|secret|de sistema|del sistema|do sistema|di sistema|original|interna|nascost|segret)[a-z]*|\btodas las reglas que sigues\b"),
)  # fmt: skip

_COMPACT: Final[_Family] = (
    (0.8, _DROPS_JOINED, r"(?:ignore|disregard|forget|override|bypass)(?:all|any|every|of|the|my|your|these|those)*(?:previous|prior|above|earlier|preceding|past|system)+(?:instruction|direction|directive|prompt|rule|guideline|command)"),
    (0.8, _DROPS_JOINED, r"(?:ignore|disregard|forget|override|bypass)(?:all|any)?(?:of)?your(?:previous|prior|own|safety|ethical|content)*(?:instruction|guideline|rule|programming|restriction|polic)"),
    (0.8, _LEAKED_JOINED, r"(?:reveal|show|print|tell|repeat|output|display)(?:me|us)?(?:your|the)(?:full|entire|exact)?(?:system|hidden|initial|secret|original)+(?:prompt|instruction|message)"),
    (0.7, ("anythingnow",), r"(?:can|to|stands?for|will|must)doanythingnow"),
    (0.8, ("ignorier", "vergiss", "missacht"), r"(?:ignorier|vergiss|missacht)[a-z]{0,8}(?:alle|deine|die)*(?:vorherigen|bisherigen|obigen|deine)(?:anweisung|regel|instruktion|richtlini)"),
    (0.8, ("ignor", "oubli", "olvid", "dimentic", "esquec"), r"(?:ignor|oubli|olvid|dimentic|esquec)[a-z]{1,4}(?:toutes|todas|tutte|todo|tudo)?(?:les|las|le|as|tus|tes|suas)(?:instruc|istruz|regl|consign|direct|indicac)[a-z]{2,8}(?:anterior|preceden|previ)"),
    (0.5, _DROPS_JOINED, r"(?:ignore|disregard|forget|override|bypass)(?:all|any|the|this|these|those)*(?:above|previous|prior|preceding|earlier)[a-z]{0,10}(?:question|request|text|message|sentence|command|content|task|statement|reminder|quer)[a-z]{0,16}(?:output|print|say|repeat|write|answer|reply|respond|paraphrase|rephrase)"),
    (0.6, ("norestrictions", "youarenowun", "youarenowanun"), r"(?:nowhave|youhave|with)norestrictions(?:and|youmust|atall)|youarenow(?:an)?(?:unrestricted|uncensored|unfiltered)"),
)  # fmt: skip


def _any_blank(pattern: str) -> str:
    """A blank in a pattern matches any white space, including line ends."""
    return pattern.replace(" ", r"\s+")


def _without_blanks(pattern: str) -> str:
    """The pattern for a text without blanks: a skipped word becomes up to eight letters."""
    for word in (_WORD, _STEP, r"(?:[a-z'-]+\s+)", r"(?:[a-z'-]+[\s,]+)", r"(?:[a-z'\"-]+[\s,]+)", r"(?:[a-z]+\s+)"):
        for most in range(1, 15):
            pattern = pattern.replace(f"{word}{{0,{most}}}", f"[a-z]{{0,{8 * most}}}")
    for blank in (r"[\s,]+", r"\s+", r"\s*", r"\b", " "):
        pattern = pattern.replace(blank, "")
    return _with_bounded_words(pattern)


_REST_OF_WORD: Final = "[a-z]*"
_GAP: Final = "[a-z]{0,"


def _with_bounded_words(pattern: str) -> str:
    """Without endings of any length: in a text without blanks no word ends, and their states multiply.

    An ending before a gap belongs to the gap; any other has up to four letters.
    """
    gap = pattern.rfind(_GAP)
    while gap > 0:
        begin = _begin_before(pattern, gap)
        stems = pattern[begin:gap].replace(_REST_OF_WORD, "")
        pattern = pattern[:begin] + stems + pattern[gap:]
        gap = pattern.rfind(_GAP, 0, begin + len(stems))
    return pattern.replace(_REST_OF_WORD, _GAP + "4}")


def _begin_before(pattern: str, end: int) -> int:
    """Where the group or the ending begins that precedes ``end``; ``end`` if it is neither."""
    if pattern.endswith(_REST_OF_WORD, 0, end):
        return end - len(_REST_OF_WORD)
    open_groups = 0
    for index in range(end - 1, -1, -1):
        open_groups += {")": 1, "(": -1}.get(pattern[index], 0)
        if open_groups == 0:
            return index if pattern[index] == "(" else end
    return end


class WeightedPattern(NamedTuple):
    """A pattern (RE2), its weight, and the signs that a text must contain for it to match."""

    weight: float
    signs: tuple[str, ...]
    pattern: str


_LATIN: Final = (
    _OVERRIDE,
    _LEAK,
    _LEAK_VERBATIM,
    _PERSONA,
    _UNBOUND,
    _FORGED,
    _GERMAN_FRENCH,
    _SPANISH_PORTUGUESE_ITALIAN_DUTCH,
)

FAMILIES: Final[tuple[tuple[WeightedPattern, ...], ...]] = (
    *(
        tuple(
            WeightedPattern(weight, tuple(map(_any_blank, signs)), _any_blank(text)) for weight, signs, text in family
        )
        for family in _LATIN
    ),
    *(
        tuple(
            WeightedPattern(weight, tuple(plain(_any_blank(sign)) for sign in signs), plain(_any_blank(text)))
            for weight, signs, text in language
        )
        for language in (*FURTHER_LANGUAGES, *((each,) for each in redirections()))
    ),
)
"""Patterns for the plain form of a text, grouped in families that are searched together."""

FAMILIES_EXPECTED: Final = len(_LATIN)
"""The first of them, in languages that most texts are in. Each other one is of one language."""

COMPACT_PATTERNS: Final[tuple[WeightedPattern, ...]] = tuple(WeightedPattern(*weighted) for weighted in _COMPACT)
"""Patterns for the plain form of any text without blanks and punctuation; a sign is one of several words, joined."""

SPACED_PATTERNS: Final[tuple[WeightedPattern, ...]] = tuple(
    WeightedPattern(weight, (), _without_blanks(text))
    for family in _LATIN
    for weight, _, text in family
    if "[^" not in text
)
"""The same for a text known to be written letter by letter: without word boundaries, which is too loose for
any other.
"""

DISCUSSION: Final = (
    r"\b(?:what does|what do|mean|explain|meaning|defend|detect|filter|block|classif[a-z]*|translate|rewrite|rephrase|phrase|example|injection|jailbreak|regex|unit test"
    r"|test|attack|is|does|why|paraphrase|bedeut[a-z]*|erklare?|ubersetze?|signifie|expliqu[a-z]*|tradui[a-z]*|significa|traduc[a-z]*|explica)\b"
)
"""Words around a quotation which show that it is discussed, not said."""

QUOTED: Final = r"""\"[^\"]*\"|\B'[^'\n]{8,200}'"""
"""Text in quotation marks."""

NEGATED: Final = (
    r"\b(?:don't|do not|never|not|must not|cannot|can't|n'|no|nao|non|nunca|mai|niemals|ne)\s*(?:to\s+)?(?:forget|ignor[a-z]*|disregard|overlook|neglect|skip|bypass"
    r"|oublie[rz]?|olvid[a-z]*|esquec[a-z]*|dimentic[a-z]*)\b|\bvergiss (?:nicht|nie)\b|\bvergessen sie (?:nicht|nie)\b|"
    + plain(FURTHER_NEGATED)
)
"""A negated verb of disregarding: what follows is to be remembered."""

_DROP_VERBS: Final = "ignore|disregard|forget|override|bypass|circumvent|evade|overlook|cancel"
OTHERS: Final = (
    rf"\b(?:{_DROP_VERBS})\s+(?:my|our|his|her|their)\s+(?:previous|last|earlier|prior|former|original|initial)\s"
    r"|\b(?:users?|people|developers?|customers?|attackers?|attacks?|admins?|administrators?|teams?)\s+(?:[a-z]+\s+){0,3}?(?:to|can|may|might|could|would|try)\s+"
    rf"(?:[a-z]+\s+)?(?:{_DROP_VERBS})\b"
    rf"|\b(?:intended|designed|meant|crafted|attempts?|attempting|tries|trying)\s+to\s+(?:[a-z]+\s+)?(?:{_DROP_VERBS})\b"
    rf"|\b(?:instruction|request|command|prompt)s?\s+to\s+(?:[a-z]+\s+)?(?:{_DROP_VERBS})\b"
)
"""Corrections of one's own words, and reports about others: no demand on the model."""
