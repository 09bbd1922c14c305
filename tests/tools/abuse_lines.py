"""Training lines of our own for abuse: the same words said to somebody, and quoted, denied, explained, or said of things.

Labelled comments hold little of the second, so a model that learns from them alone takes a word for what it may mean.
Words are those of the guard's own groups. Written for this project, CC0-1.0; never a source that a report counts.
"""

# ruff: noqa: E501 - lists of short lines are easier to compare in few rows

from __future__ import annotations

import random
from typing import Final, NamedTuple


class Language(NamedTuple):
    """Alternatives between bars; ``{}`` is a word: an insult, a mild one, or what a group is called."""

    code: str
    insults: str
    mild: str
    groups: str
    meant: str
    of_groups: str
    not_meant: str
    of_things: str


# fmt: off
LANGUAGES: Final = (
    Language("en",
        "bitch|asshole|whore|slut|bastard|scumbag|moron|retard|faggot|cunt|piece of shit|dickhead|loser|pig|clown|parasite|coward|liar",
        "stupid|dumb|idiotic|pathetic|crazy|ugly|disgusting|insane|useless|shitty|damn|fucking|crappy",
        "women|immigrants|Muslims|Jews|gays|Black people|trans people|Mexicans|disabled people|refugees|feminists|Asians",
        "You are a {}.|you fucking {}|Shut up, you {}!|She is such a {}.|He's nothing but a {} and everybody knows it.|what a {} you are|Listen, {}, nobody wants you here.|They are all {}s.|go away {}|Go to hell, you {}.|@user you {}|Only a {} like you would say that.",
        "{} are vermin.|All {} are liars and thieves.|{} are disgusting and should be deported.|I hate {}, they ruin everything.|Get those filthy {} out of our country.|{} are stupid by nature.|We should get rid of all {}.|{} are animals, not people 🐒|{} belong in a zoo.|{} don't deserve rights. 🤮|Nobody wants {} here, go back to where you came from.|Never trust {}, they are parasites.",
        "Is the word \"{}\" offensive?|He called me a {} and I cried.|We do not call anyone a {} here.|The article says that it is hate speech to call somebody a {}.|Please never say {} to your sister.|What does \"{}\" mean?|My boss called her a {}; can she sue him?|Translate the word {} into French.|Nobody should be called a {}.|She was bullied at school; they shouted \"{}\" at her.|I am not a {}.|How do I react when somebody calls me a {}?|A moderator removed the comment \"you are a {}\".|The character is called a {} by the villain.|You are not a {}, you are wonderful.|It hurts when people say {}.|Don't call me a {}.",
        "This {} printer does not work.|I feel {} today.|The weather is {}.|I made a {} mistake, sorry.|What a {} movie, but I love the music.|{} traffic, I am late again.|I'm so {}, I forgot my keys.|That was a {} day at work.|It's {} how good this cake is.|My phone is {} again."),
    Language("de",
        "Arschloch|Schlampe|Hure|Wichser|Idiot|Vollidiot|Hurensohn|Schwein|Versager|Lügner|Missgeburt|Abschaum|Drecksau|Trottel",
        "dumm|blöd|bescheuert|verrückt|scheiße|widerlich|hohl|krank|ekelhaft",
        "Ausländer|Muslime|Juden|Frauen|Flüchtlinge|Schwule|Türken|Linke|Grüne|Behinderte",
        "Du {}!|Du bist ein {}.|Halt die Fresse, du {}.|So ein {} wie der gehört weg.|Sie ist doch nur ein {}.|@user Sie {}!|Verpiss dich, {}.|Was für ein {} bist du eigentlich?",
        "{} sind Abschaum.|Alle {} sind Lügner.|{} raus aus unserem Land!|{} sind dumm und faul.|Man sollte alle {} abschieben, dieses Pack.|Ich hasse {}, diese Parasiten.",
        "Ist das Wort \"{}\" eine Beleidigung?|Er nannte mich {} und ich habe geweint.|Man sagt nicht {} zu anderen.|Was bedeutet \"{}\"?|Ein Mann wurde verurteilt, weil er einen Polizisten {} nannte.|Ich bin kein {}.|Wie reagiere ich, wenn mich jemand {} nennt?",
        "Das Wetter ist {}.|Mein Drucker ist {}.|Ich war so {} und habe den Schlüssel vergessen.|Was für ein {}er Tag.|Der Film ist {}, aber lustig."),
    Language("pt",
        "puta|filho da puta|idiota|otário|vagabunda|babaca|arrombado|viado|lixo|canalha|imbecil|cuzão|corno",
        "merda|porra|caralho|burro|tonto|ridículo|louco|nojento|foda",
        "mulheres|negros|gays|nordestinos|judeus|imigrantes|petistas|feministas",
        "Você é um {}.|cala a boca seu {}|vai se foder {}|@user sua {}|que {} você é|esse {} devia morrer",
        "{} são lixo.|Todos os {} são ladrões.|Odeio {}, voltem pra casa.|{} são burros e nojentos.|Fora daqui, {}!",
        "A palavra \"{}\" é ofensiva?|Ele me chamou de {} e eu chorei.|Não se deve chamar ninguém de {}.|O que significa \"{}\"?|Um homem foi condenado por chamar a vizinha de {}.|Eu não sou {}.",
        "que {} de dia|esse celular é uma {}|tô {} de sono kkk|{} que calor hoje|esse filme é {} demais, amei"),
    Language("es",
        "puta|hijo de puta|gilipollas|cabrón|idiota|imbécil|zorra|maricón|pendejo|basura|cerdo|escoria",
        "mierda|joder|tonto|estúpido|loco|asqueroso|ridículo",
        "mujeres|inmigrantes|moros|judíos|gays|gitanos|negros|feministas",
        "Eres un {}.|cállate {}|vete a la mierda, {}|@user eres una {}|qué {} eres",
        "Los {} son basura.|Todos los {} son ladrones.|Odio a los {}, fuera de aquí.|Los {} son asquerosos.",
        "¿Es ofensiva la palabra \"{}\"?|Me llamó {} y lloré.|No se debe llamar a nadie {}.|¿Qué significa \"{}\"?|No soy {}.",
        "qué día de {}|este móvil es {}|qué {} soy, olvidé las llaves|la película es {} pero divertida"),
    Language("fr",
        "connard|salope|pute|fils de pute|idiot|abruti|enculé|bâtard|ordure|imbécile|porc|débile",
        "merde|putain|con|stupide|fou|dégueulasse|nul",
        "femmes|Arabes|juifs|musulmans|Noirs|immigrés|homosexuels|Roms",
        "Tu es un {}.|ta gueule {}|va te faire foutre, {}|espèce de {}|@user quel {}",
        "Les {} sont des ordures.|Tous les {} sont des voleurs.|Je hais les {}, dehors.|Les {} sont dégueulasses.",
        "Le mot « {} » est-il une insulte ?|Il m'a traité de {} et j'ai pleuré.|On ne dit pas {} à quelqu'un.|Que veut dire \"{}\" ?|Je ne suis pas un {}.",
        "quelle journée de {}|ce téléphone est {}|{} il pleut encore|je suis {} j'ai oublié mes clés"),
    Language("zh",
        "傻逼|婊子|贱人|垃圾|废物|脑残|畜生|人渣|王八蛋|白痴|智障|母狗|败类|狗东西|蠢货|混蛋|杂种",
        "蠢|傻|垃圾|恶心|他妈的|无语|丑|疯|烦",
        "女人|黑人|外地人|河南人|东北人|同性恋|穆斯林|农村人|女权|老外|残疾人|印度人|南方人|上海人|男人",
        "你就是个{}。|你这个{}，滚开！|闭嘴，{}。|她真是个{}。|你们都是{}。|{}，去死吧。|这种{}也配说话？|他就是个{}，恶心。",
        "{}都是垃圾。|{}就是没素质。|{}滚出去。|{}都是骗子。|讨厌{}，恶心死了。|{}天生就低贱。|{}就是社会的毒瘤。|最看不起{}，一个个不要脸。|{}真恶心，果然都一样。|{}脑子都有问题。",
        "“{}”这个词是骂人的吗？|他骂我{}，我很难过。|请不要叫别人{}。|{}是什么意思？|有人因为辱骂邻居{}被判刑。|我不是{}。|孩子在学校被叫{}，怎么办？|新闻里说，骂人{}是违法的。",
        "今天天气真{}。|我真{}，忘带钥匙了。|这个手机太{}了。|这部电影有点{}，但是很好看。|路上堵车，{}。"),
    Language("ru",
        "сука|мудак|ублюдок|шлюха|дебил|идиот|тварь|урод|мразь|дурак|пидор|скотина|отброс",
        "тупой|дурацкий|мерзкий|идиотский|паршивый",
        "женщины|мигранты|евреи|кавказцы|мусульмане|геи|негры",
        "Ты {}.|заткнись, {}|пошел на хуй, {}|Какая же ты {}.|Он просто {}.",
        "Все {} воры.|{} — это отбросы.|Ненавижу, когда {} приезжают, вон из страны.|{} тупые от природы.",
        "Слово «{}» — это оскорбление?|Он назвал меня словом {}, и я плакала.|Нельзя говорить людям {}.|Что значит \"{}\"?|Я не {}.",
        "Какой {} день.|Мой телефон {}.|{} фильм, но музыка хорошая."),
)
# fmt: on
POSITIVE_OF_GROUPS: Final = (
    "{} deserve the same rights as everybody.",
    "I love and support {}.",
    "{} in science: a history.",
    "We welcome {} in our town.",
    "Discrimination against {} is illegal.",
    "As one of many {}, I am proud of my community.",
    "How can our school support {}?",
    "{} face prejudice every day, a study says.",
    "Thank you to all {} who helped us.",
    "Stop saying that {} are inferior; it is not true.",
    "It is wrong to say that {} are dirty.",
    "My friends and I made a film about {}.",
    "Not all {} think alike.",
)  # fmt: skip
RECLAIMED: Final = (
    "As a proud {} I love my community.", "We are {}s and we are proud.", "My best friend is a proud {} like me ❤", "{} pride march on Saturday!",
)  # fmt: skip
OWN_NAMES: Final = ("dyke", "queer", "fag", "tranny", "bitch", "crip", "fat girl", "redneck", "gay man", "lesbian")
LINES_OF_KIND_MAX: Final = 160


def lines(seed: int = 3) -> list[tuple[str, int, str]]:
    """Texts, labels (1 abusive, 0 honest) and languages, the same for the same seed."""
    rng = random.Random(seed)
    found: list[tuple[str, int, str]] = []
    for one in LANGUAGES:
        insults = f"{one.insults}|{one.mild}"
        kinds = (
            (one.meant, one.insults, 1),
            (one.of_groups, one.groups, 1),
            (one.not_meant, insults, 0),
            (one.of_things, one.mild, 0),
        )
        for frames, words, label in kinds:
            found += [(text, label, one.code) for text in _some(rng, frames.split("|"), words.split("|"))]
    found += [(text, 0, "en") for text in _some(rng, POSITIVE_OF_GROUPS, LANGUAGES[0].groups.split("|"))]
    return found + [(text, 0, "en") for text in _some(rng, RECLAIMED, OWN_NAMES)]


def _some(rng: random.Random, frames: tuple[str, ...] | list[str], words: tuple[str, ...] | list[str]) -> list[str]:
    every = [frame.format(word) for frame in frames for word in words]
    return every if len(every) <= LINES_OF_KIND_MAX else rng.sample(every, LINES_OF_KIND_MAX)
