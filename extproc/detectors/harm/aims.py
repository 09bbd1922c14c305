"""Signs of what a text on a topic is for, and of how it asks.

A topic alone says nothing: people ask how to protect themselves, report a crime, or write a novel. The model learns
from labelled texts what a topic is worth next to each aim, for all languages together.
"""

# ruff: noqa: E501 - lists of words are easier to compare in few rows

from __future__ import annotations

from typing import Final

from extproc.detectors.harm.signs import SignGroup

AIMS: Final = (
    SignGroup(
        "asks how",
        "(best|easiest|easy|good|effective|quickest|fastest|safest|cheapest) (way|ways|method|methods|steps|tips|tactics|strategies|techniques|"
        "tricks)|what are some|what (is|are) the (best|steps|most)|some (ways|methods|tips|tricks|tactics|strategies|techniques)|"
        "how (can|do|could|would|should|might|to|does) *|how to|ways to|steps to|tips (to|for|on)|is there (a|any) way|where can i"
        "|wie (kann|konnte|konnen|soll|baue?|mache?|stelle?|bekomme?|man)|comment (puis|peut|pourrais|faire|je)"
        "|como (puedo|podria|se puede|hago|hacer|posso|poderia|faco|fazer)|come (posso|potrei|si puo|faccio|fare)|hoe (kan|maak|moet)"
        "|jak (moge|mozna|zrobic)|nasil|lam (cach nao|the nao|sao)|cach nao|nhung cach|mot so (cach|phuong phap|meo|chien luoc)|bagaimana cara",
        "как |каким образом|如何|怎么|怎样|怎麼|怎樣|方法|步骤|步驟|技巧|途径|办法|哪些方式|どうやって|どうすれば|方法|やり方|作り方|手順|어떻게|방법"
        "|كيف|طريقة|طرق|कैसे|तरीक|อย่างไร|วิธี",
    ),
    SignGroup(
        "orders",
        "(write|create|develop|generate|draft|compose|design|provide|give|tell|teach|show|help|explain|describe|outline|list|suggest|instruct)( me| us| a| an| the| people| users| others)?"
        "|step by step|instructions|tutorial|guide|blueprint|schritt fur schritt|anleitung|schreib*|erklar*|hilf mir|sag mir|etape par etape|ecris"
        "|donne moi|explique*|aide moi|paso a paso|escribe*|dame|dime|ayudame|explica*|passo (a|dopo) passo|scrivi|dimmi|aiutami|escreva"
        "|me (diga|de|ajude|ensine)|stap voor stap|schrijf|vertel|krok po kroku|napisz|powiedz|adim adim|yaz|anlat|hay|viet|huong dan|giup toi",
        "напиши|расскажи|объясни|помоги|научи|дай |инструкци|请|帮我|帮忙|帮助我|教我|告诉我|写一|写篇|给我|列出|提供|设计"
        "|制定|編|教えて|書いて|作って|ください|手伝|알려|써 줘|써줘|작성|도와|가르쳐|اكتب|اشرح|علمني|اعطني|ساعدني|قدم|लिख|बताओ"
        "|बताइए|बताएं|सिखा|मदद कर|ช่วย|บอก|เขียน",
    ),
    SignGroup(
        "of oneself",
        "i (want|need|plan|intend|would like|wanna|am going|have decided|am planning|wish) *|i'm (going|planning|trying) to|help me|i'd like to"
        "|ich (will|mochte|plane|werde)|je (veux|voudrais|vais|prevois)|quiero|voy a|planeo|voglio|quero|vou|ik wil|chce|istiyorum"
        "|toi (muon|se|dang)",
        "я хочу|я собираюсь|я планиру|мне нужно|我想|我要|我打算|我准备|我计划|したい|するつもり|싶|할 거|اريد|سوف|انوي|मैं"
        "|चाहता|चाहती|ฉันอยาก|ผมอยาก",
    ),
    SignGroup(
        "in secret",
        "caught|noticing|noticed|detected|anyone knowing|their knowledge|her knowledge|consent|permission|traces?|suspicion|background checks?|"
        "without a (prescription|license|licence|permit)|unbemerkt|erwischt|sans (se faire|etre)|sin que|senza (essere|farsi)|sem (ser|que)|"
        "bez wykrycia|"
        "undetected|undetectabl*|unnoticed|secretly|in secret|covertly|anonymously|illegally|untraceable|get(ting)? away with"
        "|avoid(ing)? (detection|being caught|getting caught|prosecution|suspicion|arrest|capture|the police|punishment)|cover (my|your|the|up) *"
        "|look like an accident|bypass(es|ing)?|evad(e|es|ing)|circumvent*|no one will|unsuspecting|victim's|targets?|unbemerkt|heimlich|illegal"
        "|illegalement|en secret|ilegalmente|en secreto|illegalmente|yakalanmadan|gizlice|ma khong bi|khong bi phat hien|bi mat|trai phep"
        "|bat hop phap|tranh bi|an danh",
        "незаметно|тайно|незаконно|чтобы никто|не попасться|без ведома|не被发现|不被发现|不被察觉|不被抓|而不被|偷偷"
        "|秘密|暗中|匿名|非法|逃避|绕过|躲避|规避|不留痕迹|掩盖|隐瞒|バレずに|ばれない|気づかれず|見つからず|こっそり|密かに|違法に|들키지|몰래|걸리지|불법으로"
        "|دون ان|سرا|بشكل غير قانوني|बिना पकड़े|गुप्त|चुपके|छिपा|अवैध रूप|โดยไม่ถูก|แอบ",
    ),
    SignGroup(
        "pretends",
        "pretend|imagine|hypothetical*|role ?play*|fictional*|as a researcher|for (research|educational) purposes"
        "|for a (novel|film|movie|book|story)|no (rules|restrictions|limits|filter)|ignore|override|you are (now|no longer)|unfiltered|uncensored"
        "|without (warnings?|disclaimers?)|act as",
        "假设|假装|扮演|小说|想象|不要拒绝|忽略|представь|притвор|もし|ふり|가정|상상|تخيل|कल्पना",
    ),
    SignGroup(
        "protects",
        "protect*|prevent*|detect*|defend*|defen(c|s)e*|secur(e|ed|ing|ity)|safe|safely|safety"
        "|stop(ping)? (someone|people|others|it|him|them|bullying|violence)|report(s|ed|ing)?|recogni(s|z)e*|identify*|signs? of|warning signs?"
        "|symptoms?|victims? of|survivors?|mitigat*|awareness|combat|fight(ing)? (against|back)|reduc(e|es|ing)|treat(ed|ment|ments|ing)?|recover*"
        "|cope|support|block(s|ing)?|monitor(s|ing)?|analy(s|z)e*|filter(s|ing)?|flag(s|ged)?|audit*|backup*|legal(ly)?|lawful*|permission of"
        "|authorized|schutz*|verhinder*|vorbeug*|erkenn*|melden|proteg*|preven*|denunc*|signaler|reconna*|evitar*|prevenir|reconocer|sicher*|bao ve"
        "|ngan chan|phong ngua|phong tranh|phat hien|bescherm*|voorkom*|chroni*|zapobie*|koru*|onle*",
        "защит|предотвра|безопасн|распозна|сообщить|保护|預防|预防|防止|防范|避免|应对|识别|举报|投诉|维权|治疗|救助|安全|帮助他"
        "|帮助她|劝|怎么办|该怎么|如何看待|防ぐ|守る|予防|対策|相談|通報|保護|보호|예방|방지|신고|대처|대응|حماية|منع|الوقاية|تجنب|الابلاغ"
        "|बचाव|सुरक्षा|रोक|बचने|ป้องกัน|หลีกเลี่ยง",
    ),
    SignGroup(
        "studies",
        "histor(y|ical|ically|ian)|laws?|legislation|regulat*|penalt*|punish*|court|causes? of|effects? of|impact of|consequences|statistics"
        "|research|study|studies|scientists?|explain (what|why)|what (is|are|was|were|does|do) *|why (do|did|does|is|are|was) *|when (did|was)"
        "|who (was|were|is|killed)|difference between|definition|means?|meaning|example of|compare|summari(s|z)e*|translate|classify|essay on"
        "|lesson|documentary|article about|theor(y|ies)|philosoph*|ethic*|moral*|geschichte|gesetz*|warum|folgen|ursache*|was (ist|sind|bedeutet)"
        "|histoire|lois?|pourquoi|consequences|qu'est-ce|historia|leyes|ley|por que|causas|que es|storia|legge|leggi|perche|cosa e|lei|leis"
        "|historico|tai sao|la gi|luat|lich su|hau qua",
        "история|закон|почему|что такое|последств|причин|历史|法律|为什么|為什麼|是什么|原因|影响|后果|危害|意义|看待|区别|哪些法"
        "|规定|歴史|法律|なぜ|とは|原因|影響|역사|법률|왜|무엇|원인|영향|تاريخ|قانون|لماذا|ما هو|ما هي|اسباب|اثار|इतिहास"
        "|कानून|क्यों|क्या है|कारण|प्रभाव",
    ),
    SignGroup(
        "reports",
        "arrested|sentenced|convicted|accused|charged with|police (said|say|found|arrested)|according to|said|reported|investigat*"
        "|was (killed|murdered|found|shot|stolen|attacked)|were (killed|murdered|found|shot)|killed by|died|allegedly"
        "|my (son|daughter|child|friend|neighbor|neighbour|sister|brother) (is|was|has|says|talks|wants)|happened to me"
        "|someone (stole|hacked|is|has|keeps|threatened)|i was|i am a victim|i've been|verhaftet|verurteilt|angeklagt|berichtet|wurde|arrete"
        "|condamne|accuse|detenid*|condenad*|acusad*|arrestat*|condannat*|pres(o|a)|aresztowan*|tutuklan*|bi bat|bi ket an",
        "арест|осужд|обвин|сообщ|задержа|被捕|被判|逮捕|判处|起诉|据报道|警方|警察|嫌疑|逮捕|容疑|体포|체포|혐의|اعتقال|اعتقلت"
        "|الشرطة|गिरफ्तार|पुलिस|आरोप",
    ),
    SignGroup(
        "tells a story",
        "novel|story|stories|film|movie|game|character|fiction|poem|song|scene|screenplay|villain|detective|plot|chapter|book|roman|geschichte"
        "|krimi|histoire|cuento|novela|pelicula|romanzo|storia|historia|livro|truyen|phim",
        "роман|рассказ|фильм|小说|故事|电影|剧本|角色|小説|物語|映画|소설|이야기|영화|رواية|قصة|فيلم|कहानी|उपन्यास|फिल्म",
    ),
    SignGroup(
        "declines",
        "i can't|i cannot|i'm sorry|i am sorry|i won't|i will not|unable to|as an ai|unethical|not appropriate|against the law"
        "|it is (illegal|wrong|important|not)|ich kann nicht|es tut mir leid|je ne peux pas|desole|no puedo|lo siento|non posso|mi dispiace"
        "|nao posso|desculpe|sinto muito|toi khong the|xin loi",
        "я не могу|извините|к сожалению|我不能|我无法|抱歉|对不起|作为一个|申し訳|できません|죄송|할 수 없|لا استطيع|اسف|عذرا"
        "|माफ|नहीं कर सकता",
    ),
    SignGroup(
        "good work",
        ""
        "(linux|python|java|rust|docker|kubernetes|git|sql|unix|debug*|unit tests?|thread|process|server|recipe|chess|garden|exam preparation|students|lecture|training|company|customers?|employees?|patients?|nurse|doctor|museum|school project)",
        "代码|程序|学生|公司|患者|医生|код|программ|コード|코드",
    ),
    SignGroup(
        "of code",
        "(write|create|develop|generate|implement|build) (a|an|the) (program|script|tool|app|bot|function|class|code)|(write|create|develop|"
        "generate|implement|build) (a|an) (python|java|c|rust|shell|bash) (program|script|tool)|write (code|malware)|programs?|scripts?|"
        "python script|shell script|bash script|source code|run (the |this )?(code|command|script)|execute|shell|terminal|payload*|exploit*",
        "编写|脚本|代码|程序|скрипт|программу|プログラム|スクリプト|프로그램|스크립트",
    ),
    SignGroup(
        "a victim",
        "someone('s| else)?|somebody|people|others|another person"
        "|my (ex|wife|husband|boss|neighbou?r|coworker|girlfriend|boyfriend|roommate|classmate|partner|teacher)('s)?|child|children|kids?|minors?"
        "|teen(ager)?s?|elderly|strangers?|customers|users|voters|victims?|animals?|jemand*|leute|menschen|quelqu'un|alguien|qualcuno|alguem|iemand"
        "|kogos|birini|nguoi khac|ai do",
        "кого то|человека|людей|别人|他人|某人|孩子|儿童|老人|邻居|同事|誰か|他人|人を|누군가|타인|شخص|الناس|लोगों",
    ),
)
"""What a text on a topic is for, and how it asks."""
