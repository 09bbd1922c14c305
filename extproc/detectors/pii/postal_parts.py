"""The parts of a postal address as patterns: house numbers, streets, units, postcodes, places.

Patterns are RE2, over ``postal_addresses.postal_bytes``: one byte a character, no marks that Latin-1 lacks.
A street is *typed* if a word of it says that it is one: ``Main Street``, ``Hauptstra\u00dfe``, ``rue de la Paix``.
"""

from __future__ import annotations

from typing import Final

_CAPITAL: Final = r"[A-Z\xC0-\xD6\xD8-\xDE]"
_LETTER: Final = r"[A-Za-z\xC0-\xD6\xD8-\xF6\xF8-\xFF]"


def _any(words: str) -> str:
    """A pattern for any of some words, in either case."""
    return f"(?i:{'|'.join(words.split())})"


# --- what separates and joins ---------------------------------------------------------------------------------------

BLANK: Final = r"[ \xA0]"
LINE_END: Final = r"(?:<br ?/?>(?:\r?\n)?|\r?\n|\\n)"
GAP: Final = rf"(?:{BLANK}{{0,2}},?{BLANK}{{0,2}}{LINE_END}{BLANK}{{0,8}}|{BLANK}?,{BLANK}{{1,2}}|{BLANK}[\-|/]{BLANK})"
"""Between two parts of an address: a comma, a line end, a sign between blanks."""

_PARTICLE: Final = (
    r"(?:of|the|on|upon|de|des|du|del|della|delle|dei|degli|di|da|do|dos|das|la|le|les|los|las|el|e|y|van|der|den|het|ten"
    r"|ter|von|zu|zum|zur|am|an|im|in|bei|aux?|en|sur|sous|ob|nad|pod|sul|[dl]')"
)
_JOINT: Final = rf"{BLANK}(?:{_PARTICLE}{BLANK}?){{0,2}}"
_NAME: Final = rf"(?:{_CAPITAL}(?:{_LETTER}|['\-])*|{_CAPITAL}{_LETTER}{{0,4}}\.)"
_STREET_PARTICLE: Final = r"(?:van|der|den|dem|de|het|ten|ter|von|zu|zum|zur|am|an|im|auf|unter|da|do|das|dos|du|del)"
_NAMES: Final = rf"{_NAME}(?:{_JOINT}{_NAME}){{0,4}}"

# --- places and postcodes -------------------------------------------------------------------------------------------

_PLACE_PARTICLE: Final = (
    r"(?:of|on|upon|de|del|della|di|do|da|dos|la|le|les|los|sur|sous|aan|op|den|am|an|im|der|ob|bei|nad|pod|sul|[dl]')"
)
_PLACE_NAME: Final = rf"(?:(?:St|Ste|Mt|Ft|Pt|Sta|Sto)\.{BLANK})?{_CAPITAL}(?:{_LETTER}|['\-])+"
PLACE: Final = rf"{_PLACE_NAME}(?:{BLANK}(?:{_PLACE_PARTICLE}{BLANK}?){{0,2}}{_PLACE_NAME}){{0,3}}"
_STATE: Final = (
    r"(?:A[LKZREAPS]|C[AOT]|D[CE]|F[LM]|G[AU]|HI|I[DLNA]|K[SY]|LA|M[EDAINSOTHP]|N[EVHJMYCD]|O[HKR]|P[ARW]|RI|S[CD]|T[NX]|UT"
    r"|V[TAI]|W[AVIY]|(?:New|North|South|West|Rhode)" + BLANK + r"[A-Z][a-z]{3,9}|[A-Z][a-z]{3,12})"
)
_UK: Final = rf"(?:[A-Z]{{1,2}}[0-9][A-Z0-9]?{BLANK}?[0-9][A-Z]{{2}})\b"
_CANADIAN: Final = rf"[ABCEGHJ-NPRSTVXY][0-9][A-Z]{BLANK}?[0-9][A-Z][0-9]\b"
_IRISH: Final = rf"[AC-FHKNPRTV-Y][0-9][0-9W]{BLANK}?[0-9AC-FHKNPRTV-Y]{{4}}\b"
_PROVINCE: Final = r"(?:AB|BC|MB|N[BLSTU]|ON|PE|QC|SK|YT|[A-Z][a-z]{3,9})"
_AUSTRALIAN: Final = rf"(?:NSW|VIC|QLD|TAS|ACT|NT|SA|WA|New{BLANK}South{BLANK}Wales|Victoria|Queensland|Tasmania)"
ENGLISH_TAIL: Final = (
    rf"(?:{PLACE},?{BLANK}{_STATE},?{BLANK}[0-9]{{5}}(?:-[0-9]{{4}})?\b"
    rf"|(?:{PLACE}(?:{GAP}|{BLANK}))?(?:{_UK}|{_IRISH})"
    rf"|{PLACE},?{BLANK}{_PROVINCE}(?:{GAP}|{BLANK}){_CANADIAN}"
    rf"|{PLACE},?{BLANK}{_AUSTRALIAN},?{BLANK}[0-9]{{4}}\b"
    rf"|{PLACE}(?:{GAP}|{BLANK}?-?{BLANK}?)[1-9][0-9]{{2}}{BLANK}?[0-9]{{3}}\b)"
)
"""Place and postcode of the United States, the United Kingdom, Ireland, Canada, Australia, India."""
MILITARY_TAIL: Final = rf"(?:[AFD]PO){BLANK}A[AEP]{BLANK}[0-9]{{5}}\b"
_COUNTRY_CODE: Final = r"(?:[A-Z]{1,2}-)?"
_LONG_POSTCODE: Final = (
    rf"(?:{_COUNTRY_CODE}(?:[0-9]{{5}}(?:-?[0-9]{{3}})?|[0-9]{{3}}{BLANK}[0-9]{{2}}|[0-9]{{2}}-[0-9]{{3}}"
    rf"|[0-9]{{4}}-[0-9]{{3}}|[1-9][0-9]{{3}}{BLANK}?[A-Z]{{2}})\b|[A-Z]{{1,2}}-[0-9]{{4}}\b)"
)
_AREA: Final = (
    rf"(?:{BLANK}(?:[0-9]{{1,2}}|[KNSV\xD8]{{1,2}})\b)?(?:{BLANK}?\([A-Z]{{2}}\)|{BLANK}?[,/\-]{BLANK}?[A-Z]{{2}}\b)?"
)
"""Behind a place: a district (``Praha 1``, ``K\u00f8benhavn V``), a province (``(RM)``, ``- SP``)."""
_TO_NAME: Final = rf"(?:{GAP}|{BLANK}){PLACE}{_AREA}"
LONG_TAIL: Final = (
    rf"(?:{_LONG_POSTCODE}{_TO_NAME}"
    rf"|{PLACE}{BLANK}?[,/\-]{BLANK}?[A-Z]{{2}},?{BLANK}?(?:-{BLANK})?(?:CEP:?{BLANK})?[0-9]{{5}}-[0-9]{{3}}\b)"
)
"""Postcode and place of other countries, where the postcode is long enough to be no other number."""
PLAIN_TAIL: Final = rf"(?:{LONG_TAIL}|(?:[03-9][0-9]{{3}}|1[0-7][0-9]{{2}}|2[1-9][0-9]{{2}})\b{_TO_NAME})"
"""The same, and postcodes of four digits that are no years."""
TAIL: Final = rf"(?:(?:{_LONG_POSTCODE}|[0-9]{{4}}){_TO_NAME}|{LONG_TAIL}|{PLACE},?{BLANK}[0-9]{{4,5}}\b)"
"""The same, any of four digits, and with the place first."""


# --- houses and units -----------------------------------------------------------------------------------------------

HOUSE: Final = r"[0-9]{1,5}[A-Za-z]?(?:[/\-][0-9]{1,5}[A-Za-z]?)?"
HOUSE_BEHIND: Final = (
    rf"(?:,{BLANK}|{BLANK})(?:[Nn](?:[o\xB0\xBAr]\.?|um\.){BLANK}?)?{HOUSE}(?:-[IVX]{{1,4}})?"
    rf"(?:{BLANK}[A-Za-z](?:{BLANK}[0-9]{{1,3}})?\b)?"
)
_UNIT_WORD: Final = _any(
    "apt apartment apartamento appartamento app interno int suite ste unit flat studio floor room rm bldg building box"
    " level shop piso planta puerta departamento depto dpto bus etage top lok m byt sala bloco casa district"
)
UNIT: Final = (
    rf"(?:{_UNIT_WORD}\.?{BLANK}(?:[Nn]o\.?{BLANK})?#?[0-9A-Za-z]{{1,6}}|#{BLANK}?[0-9A-Z]{{1,6}}"
    rf"|[0-9]{{1,2}}(?:st|nd|rd|th|\.|[\xBA\xAA\xB0])?{BLANK}?(?:[Ff]loor|[Ff]l\.?|th\.?|tv\.?|OG|[A-Z]|izq\.?|dcha?\.?"
    rf"|[Ee]tage|[\xE9\xC9]tage)|[0-9]{{1,2}}[\xBA\xAA])"
)
_FEW_NAMES: Final = rf"{_NAME}(?:{BLANK}(?:{_PARTICLE}{BLANK}?)?{_NAME}){{0,3}}"
MORE: Final = rf"(?:(?:{GAP}|{BLANK}){UNIT}|{GAP}{_FEW_NAMES}(?:{BLANK}[0-9]{{1,3}}[A-Z]?\b)?){{0,2}}"
"""Between street and postcode: units, floors, buildings, districts."""
FLAT: Final = (
    rf"(?i:flat|studio|apartment|apt\.?|unit|suite|shop|level|h\.? ?no\.?|house no\.?|plot no\.?){BLANK}"
    r"#?[0-9]{1,4}[A-Za-z]?"
)
"""What may stand before the number of a house, or instead of it."""

# --- streets --------------------------------------------------------------------------------------------------------

_ENGLISH_TYPE: Final = (
    rf"(?:{_any('st rd ave ln dr blvd ct cres sq pkwy hwy cir')}\b\.?|"
    + _any(
        "street road avenue lane drive boulevard court place terrace crescent square parkway highway circle trail close"
        " mews gardens grove esplanade parade row walk way quay turnpike alley loop plaza pike path ridge cove crossing"
        " bend glen manor landing heights hill park green wharf expressway freeway"
    )
    + r"\b)"
)
_DIRECTION: Final = r"(?:[NS][EW]?|[EW]|North|South|East|West)\b\.?"
_ENGLISH_WORD: Final = rf"(?:{_NAME}|[0-9]{{1,3}}(?i:st|nd|rd|th)|of|the|de|la)"
ENGLISH_STREET: Final = (
    rf"{HOUSE},?{BLANK}(?:(?:{_ENGLISH_WORD}{BLANK}){{1,4}}{_ENGLISH_TYPE}(?:{BLANK}{_DIRECTION})?"
    rf"|(?:{_DIRECTION}{BLANK})?Broadway\b)"
)
NAMES_BEHIND_HOUSE: Final = rf"(?:{_ENGLISH_WORD}{BLANK}){{0,4}}{_NAME}"

_FRENCH_TYPE: Final = _any(
    "rue avenue av\\. boulevard bd place chemin ch\\. impasse all\xe9e cours route rte quai square passage faubourg"
    " ruelle"
)
FRENCH_STREET: Final = (
    rf"{HOUSE}(?:{BLANK}?(?:bis|ter|quater))?,?{BLANK}{_FRENCH_TYPE}{BLANK}(?:{_PARTICLE}{BLANK}?){{0,3}}"
    rf"(?:[0-9]{{1,2}}{BLANK})?{_CAPITAL}(?:{_LETTER}|['\-]){{2,}}(?:{_JOINT}{_NAME}){{0,4}}"
)

_FRONT_TYPE: Final = _any(
    "via viale piazza piazzale corso largo vicolo strada contrada borgo calle c/ calzada avenida avda\\.? av\\.? paseo"
    " plaza camino carrera ronda glorieta pasaje rambla rua travessa pra\xe7a alameda estrada rodovia r\\. ul\\.? ulica"
    " al\\. aleja os\\. osiedle pl\\. plac n\xe1m\\. n\xe1mest\xed trida rue chemin ch\\. avenue boulevard place route"
    " quai impasse sentier all\xe9e carrer urbanizaci\xf3n cuesta callej\xf3n praceta beco"
)
FRONT_TYPED: Final = (
    rf"{_FRONT_TYPE}{BLANK}?(?:{_PARTICLE}{BLANK}?){{0,3}}(?:{_NAMES}|[0-9]{{1,3}}(?:{BLANK}(?:{_PARTICLE}{BLANK}?)?"
    rf"{_NAMES})?)"
)
_SURE_END: Final = (
    "stra\xdfe strasse str\\. gasse allee platz promenade chaussee straat laan gracht plein singel gatan v\xe4gen"
    " gr\xe4nd vej vejen gade str\xe6de veien vegen katu kuja polku all\xe9en all\xe9n"
).replace(" ", "|")
_OTHER_END: Final = (
    "weg ring damm ufer steig stieg pfad hof berg markt kade dijk dreef pad steeg baan lei gate gata vei veg bakken"
    " svingen stien plass plads park parken toften haven v\xe6nget tie rinne kaari stigen backen all\xe9 torv torg"
    " torget plan"
).replace(" ", "|")
_OWN_WORD: Final = "stra\xdfe|strasse|str\\.|platz|gasse|allee|straat|laan|plein|gatan|v\xe4gen|gade|vej|veien|katu"
_BEFORE_END: Final = (
    rf"{_NAME}{BLANK}(?:(?:{_STREET_PARTICLE}{BLANK}){{0,2}}{_NAME}{BLANK}){{0,2}}(?:{_STREET_PARTICLE}{BLANK}){{0,2}}"
)
_TYPED_WORD: Final = (
    rf"(?:(?:{_BEFORE_END})?{_CAPITAL}(?:{_LETTER}|['\-.])+(?i:{_SURE_END})|{_BEFORE_END}(?i:{_OWN_WORD}))"
)
_LOWER_TYPED: Final = rf"(?:{_NAME}{BLANK}){{1,3}}(?:gate|gata|vei|veg|tie)"
NUMBERED_STREET: Final = rf"(?:{FRONT_TYPED}|{_TYPED_WORD}|{_LOWER_TYPED}){HOUSE_BEHIND}"
"""A typed street with the number behind it."""
OFTEN_STREET: Final = rf"(?:{_BEFORE_END})?{_CAPITAL}(?:{_LETTER}|['\-])+(?i:{_OTHER_END}){HOUSE_BEHIND}"
"""The same with a word that may be something else."""
FEW_NAMES_BEHIND_HOUSE: Final = rf"{HOUSE}{BLANK}{_NAME}(?:{BLANK}{_NAME}){{1,3}}"
NAMES_BEFORE_HOUSE: Final = rf"{_NAME}(?:{BLANK}(?:{_STREET_PARTICLE}{BLANK}){{0,2}}{_NAME}){{0,4}}{HOUSE_BEHIND}"
POST_BOX: Final = rf"(?:P\.?{BLANK}?O\.?{BLANK}?Box|Postfach|Apartado|Bo\xEEte postale|BP){BLANK}[0-9]{{1,6}}"
MILITARY_BOX: Final = rf"(?:PSC|CMR|Unit){BLANK}[0-9]{{1,5}},?{BLANK}Box{BLANK}[0-9]{{1,5}}"

# --- candidates -----------------------------------------------------------------------------------------------------

_ANY_NAME: Final = rf"{_CAPITAL}(?:{_LETTER}|['\-.])*"
_ANY_NAMES: Final = rf"{_ANY_NAME}(?:{BLANK}(?:{_STREET_PARTICLE}{BLANK}){{0,2}}{_ANY_NAME}){{0,4}}"
_APART: Final = rf"(?:{GAP}|{BLANK})"
CANDIDATE: Final = (
    rf"(?:{HOUSE}(?:{BLANK}?(?:bis|ter|quater))?{_APART}(?:{_LETTER}|[0-9]{{1,3}}(?i:st|nd|rd|th)\b)"
    rf"|{FLAT}{_APART}[A-Z0-9\xC0-\xDE]|{POST_BOX}|{MILITARY_BOX}|{FRONT_TYPED}{HOUSE_BEHIND}"
    rf"|{_ANY_NAMES}(?:{BLANK}(?:{_OWN_WORD}|gate|gata|vei|veg|tie))?{HOUSE_BEHIND})"
)
"""What each address begins with, and little else."""
