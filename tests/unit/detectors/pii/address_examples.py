"""Postal addresses of many countries in the forms of their postal services, and what only looks like one."""

from __future__ import annotations

FOUND = (
    # United States, Canada
    "Send it to «1600 Amphitheatre Parkway, Mountain View, CA 94043», please.",
    "She moved to «742 Evergreen Terrace, Springfield» last year.",
    "«350 5th Avenue, Suite 3300, New York, NY 10118-0110» is known.",
    "Ship to:\n«1234 NW Bobcat Lane\nSt. Robert, MO 65584-5678»\nPhone: none",
    "«77 Massachusetts Ave, Cambridge, Massachusetts 02139», USA and more",
    "I live at «12 Oak St Apt 4B» and work there.",
    "Mail goes to «P.O. Box 1234, Austin, TX 78701».",
    "Write to «PSC 802 Box 74, APO AE 09499».",
    "«111 Wellington St, Ottawa, ON K1A 0A9» is open.",
    "«2300 Yonge Street, Suite 1600\nToronto, Ontario M4P 1E4»",
    "Find us at «1500 Broadway, New York» today.",
    "We met at «12 Oak Street», and went on.",
    "My home address is «123 Hughes Brook» since May",
    "Alice Doe\n«12 Oak Street»\nThank you",
    # United Kingdom, Ireland
    "My address is «221B Baker Street, London NW1 6XE».",
    "«10 Downing Street, London, SW1A 2AA» has a black door.",
    "Flat owner: «Flat 3, 27 Queen's Road, Clifton, Bristol BS8 1QE»",
    "It was delivered to «14 Ashfield Close» yesterday.",
    "«12 Merrion Square North, Dublin 2, D02 H521», Ireland",
    # Australia, India
    "«48 Pirrama Road, Pyrmont NSW 2009» is the office.",
    "«12 Queen Street\nAuckland 1010» is central",
    "«Flat 12, 45 MG Road, Bengaluru 560001» is mine",
    "«221, Linking Road, Bandra West, Mumbai - 400 050»",
    "«Unit 8\n12 Bates Street\nPort Fairy, VIC, 3284» is to let",
    "«12/34, Khanna Marg\nPune 411001»",
    "H. No. is first: «H.No. 44, Nehru Nagar, New Delhi-110011»",
    # Germany, Austria, Switzerland
    "Ich wohne in der «Hauptstra\xdfe 12, 10115 Berlin».",
    "Lieferadresse: «Karl-Marx-Stra\xdfe 44a, 12043 Berlin»",
    "Er stand in der «Hauptstra\xdfe 12».",
    "Adresse: «Am Anger 5» ist gut",
    "wohnhaft «Lindenweg 7» in Bremen",
    "Firma\n«Am Alten Markt 5\n50667 K\xf6ln»\nDeutschland",
    "«Stephansplatz 3, 1010 Wien», \xd6sterreich liegt zentral.",
    "«Mariahilfer Str. 88a, Stiege 2, A-1070 Wien» ist es.",
    "«Bahnhofstrasse 21, CH-8001 Z\xfcrich», bitte",
    "«Gro\xdfe Bleichen 12, 20354 Hamburg» kenne ich.",
    "Post an «Postfach 102030, 50667 K\xf6ln».",
    # Netherlands, Belgium
    "Ik woon op «Keizersgracht 123-II, 1015 CJ Amsterdam».",
    "«Jan van Galenstraat 45, 1051 KL Amsterdam» is het adres.",
    "«Dorpsstraat 8\n1234 AB\nZwolle» of elders",
    "«Nieuwstraat 12 bus 3, 1000 Brussel» in België",
    "«Rue Neuve 123, 1000 Bruxelles» en Belgique",
    # Nordic countries
    "Jag bor på «Drottninggatan 12, 111 51 Stockholm».",
    "«Karl Johans gate 22, 0162 Oslo» er adressen.",
    "«Storgata 5, 9008 Tromsø» er kontoret",
    "«Vesterbrogade 24, 2. th., 1620 København V» er min.",
    "«Mannerheimintie 5 A 3, 00100 Helsinki» on osoite.",
    "«Kirkebakken 3, 3021 Drammen» er vårt",
    # Poland, Czech Republic
    "Mieszkam przy «ul. Długa 12/4, 00-238 Warszawa».",
    "«al. Jerozolimskie 65/79, 00-697 Warszawa» to hotel",
    "Bydlím na adrese «Dlouhá 12, 110 00 Praha 1».",
    # France, Spain, Italy, Portugal, Brazil
    "J'habite au «12 rue de la Paix, 75002 Paris».",
    "«5 bis avenue du Général de Gaulle, 69003 Lyon» est fermé.",
    "Livraison : «8, boulevard Saint-Michel\n75005 Paris»\nFrance",
    "Vivo en la «Calle Mayor 12, 3º B, 28013 Madrid».",
    "«Avda. de la Constitución 5, 41001 Sevilla» está cerca.",
    "«Calle de Alcalá 23 Puerta 4\nMadrid, 28014» es nueva",
    "Abito in «Via Roma 12, 00184 Roma (RM)».",
    "«Piazza del Duomo 1, 20121 Milano» oggi",
    "Moro na «Rua Augusta 1508, 01304-001 São Paulo - SP».",
    "«Rua das Flores, 123 - Centro - 01310-100 São Paulo»",
    "«Av. Paulista, 1578 - Bela Vista, São Paulo - SP, 01310-200» fica",
    "«Rua Augusta 25, 1100-053 Lisboa» é aqui",
)
"""Each finding between ``«`` and ``»``."""

NOT_FOUND = (
    "Platz 1, Bayern, und Platz 2, Dortmund",
    "Platz 3\nAllee",
    "At 1999 Wall Street.",
    "Address Line 1\nAddress Line 2",
    "The addresses of 12 Big Hosts",
    "There are 5 Main Street sources, Tom said.",
    "The 12 Angry Men, a film of 1957, is good.",
    "She has 3 Street cats and 4 Court dates.",
    "In 2008 Wall Street, The Guardian wrote, was in trouble.",
    "On June 30, 1923 John was born.",
    "Apollo 11, 1969 Moon landing",
    "Windows 10, 2019 Edition",
    "He walked down Main Street, Springfield, to the park.",
    "Die Hauptstra\xdfe ist lang, und Berlin 10115 ist ein Bezirk.",
    "Kapitel 5, 2019 Berlin",
    "Chapter 12, 2021 Boston Review",
    "Order 12 Blue Shirts, Large, and 4 Red Hats, Small.",
    "Die S\xe4tze 3 und 4 in Weg 5 sind gleich.",
    "SSN 536-22-8731 Oak Street, Boston",
    "version 1.12 Main Street, Boston",
    "We paid $500 Park Avenue, Inc.",
    "id=12 Main Street",
    "Rue de la Paix, 75002 Paris",
    "the years 1999, 2000, 2001, 2002 and 2003",
    "Main Street",
    "12345",
    "",
)
"""Texts without an address."""

PIECES = (
    *("12", "5", "221B", "12-14", "2008", "10115", "1010", "00-238", "1015 CJ", "SW1A 2AA", "CA 94043", "01304-001"),
    *("Oak", "Main", "Alte", "Berlin", "London", "Boston", "Paris", "Lindenweg", "Hauptstra\xdfe", "Dlouh\xe1", "The"),
    *("Street", "St", "rue de la Paix", "Via Roma", "ul. D\u0142uga", "Calle", "Platz", "Apt 4", "Flat 3", "In"),
    *("Address: ", "I live at ", "wohnhaft ", "the ", "cats ", "a@b.co ", "+49 30 901820 ", "x" * 30, "Y" * 120),
    *(" ", " ", " ", " ", ", ", ", ", ", ", "\n", ".", "-", "'", "\u00a0", "\u2011", "\U0001f600", "\ud800", "<br>"),
    "12 Oak Street, Boston, MA 02110", "Hauptstra\xdfe 12, 10115 Berlin", "ul. D\u0142uga 12/4, 00-238 Warszawa",
)  # fmt: skip
"""Of which texts are made that hold addresses, parts of them, and what breaks them."""


def unmarked(marked: str) -> tuple[str, str]:
    """A text of ``FOUND`` without its marks, and its address."""
    before, _, rest = marked.partition("«")
    address, _, behind = rest.partition("»")
    return before + address + behind, address
