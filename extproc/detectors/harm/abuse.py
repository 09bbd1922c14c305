"""Signs of abuse: what is said, of whom, and how it is meant.

A word alone is no abuse: it is quoted, denied, reclaimed, or said of a thing. So words are kept in groups of one kind,
pooled over languages, and the model learns from labelled texts what a group is worth next to a target,
a negation or a quotation. What it learns of a group in one language holds for the others.
"""

# ruff: noqa: E501 - lists of words are easier to compare in few rows

from __future__ import annotations

from typing import Final

from extproc.detectors.harm.signs import SignGroup

CLEAR_WORDS: Final = (
    SignGroup(
        "slur",
        "nigg(er|ers|a|as|ah|az|uh|uhs)|sand nigg*|fag(s|got|gots|gy)?|dykes?|spics?|chinks?|gooks?|japs?|wetbacks?|ragheads?|towelheads?"
        "|porch monkeys?|jungle bunn(y|ies)|coons?|kikes?|beaners?|tranny|trannies|shemales?|muzzies?|muzrat*|pak(i|is)|darkies|retard(s|ed)?"
        "|mongoloid*|libtard*|feminazi*|femoids?|foids?|white trash|crackers?|rednecks?|gypp?os?|zipperheads?|camel jockeys?|golliwog*|kanake*"
        "|neger*|zigeuner*|schwuchtel*|musel*|judensau*|mongos?|spasti?s?|kummeltuerke*|schlitzauge*|viad(o|os|ao|inho)|bichas?|bichona*|sapatao"
        "|sapata|traveco*|macac(o|a|os|as)|retardad*|crioul(o|a)|baitola*|boiola*|maric(on|ones|a|as)|sudacas?|moros? de mierda|negros? de mierda"
        "|putos? negros?|tortiller*|negrat*|pedes?|tapettes?|negres?|bougnoul*|youpins?|bicots?|raton|gouine*|froci(o|o)?|frocio|ricchion*|terron*"
        "|negri? di merda|zingar(o|i|a) di merda|flikkers?|mongol(en)?|kankermarok*|pedal(y|em|ow)?|ciapat*|czarnuch*|ibneler?|ibne|gavur*",
        "пидор|пидар|педик|чурк|хачи|жиды|жидов|хохл|черножоп|чернож|нигер|黑鬼|尼哥|白皮猪|阿三|棒子国|小日本|鬼子"
        "|绿绿|穆黑|死基佬|死同性恋|死变态|人妖|娘炮|母狗|黑猩猩|黑奴|蛮夷|支那|蝗虫|台巴子|港灿|乡巴佬|女拳|田园女权|黑皮|チョン|土人|オカマ|짱깨|쪽바리|흑형"
        "|한남충|김치녀|된장녀|틀딱|عبيد|زنجي|شاذ|لوطي",
    ),
    SignGroup(
        "insult",
        "bitch(es|y|ass|in|ing)?|biatch|cunts?|whores?|slut(s|ty)?|skanks?|thots?|hoes?|motherfuck*|cocksuck*|dick ?heads?|dipshits?|shitheads?"
        "|fuck(head|wad|face|boy|tard|er)s?|dumb ?ass(es)?|jack ?ass(es)?|douche*|ass ?holes?|azz ?holes?|scumbags?|pussy|pussies|twats?|pricks?"
        "|wankers?|bastards?|simps?|cucks?|incels?|sonofabitch|son of a bitch|cum ?dump*|arschl(o|oe)cher|arschloch|hurensohn|hurens(o|oe)hne"
        "|huren?|fotzen?|schlampen?|wichser*|nutten?|missgeburt*|drecks*|penner|assi|assis|pissnelke|arschgeige*|hackfresse*|dreckspack"
        "|scheisskerl*|put(a|o|as|os|inha|ona)|fdp|filh(o|a|os|as) da puta|filhos? de uma puta|arrombad*|otari(o|a|os|as)|babacas?|vagabund*"
        "|piranhas?|vadias?|cana?lhas?|escrot*|cuzao|corn(o|a|os|as)|desgracad*|safad*|vac(a|as)|galinhas?|lixo humano|hij(o|a|os|as) de puta"
        "|cabron(es|a)?|gilipollas|pendej*|zorras?|perras?|mamon*|malparid*|culer(o|os|a)|connards?|connasses?|salopes?|putes?|encules?|batards?"
        "|fils de pute|enfoires?|salauds?|pouffiasse*|stronz(o|a|i|e)|troi(a|e)|puttan*|coglion*|figlio di puttana|bastard(o|a|i)|klootza*|eikels?"
        "|kutwij*|hoer|hoeren|teef|kankerlijer*|kankerhoer*|kurw*|szmat(a|y|o)|suk(a|i|o|insyn*)|skurwysyn*|dziwk*|jeban*|cwel*|orospu*|pic|pici"
        "|serefsiz*|pezevenk*|kahpe*|gavat*|chutiy*|madarchod*|bhenchod*|bhosd*|randi|harami|haramkhor|kamin(a|e|i)|lund|gaandu|do cho|con di"
        "|thang cho",
        "сука|суки|суку|блядь|бляди|мудак|мудил|уебок|уебищ|шлюх|ублюд|мраз|тварь|твари|сволоч|гнид"
        "|выродок|дебил|婊子|婊|贱人|贱货|贱女|狗东西|畜生|王八蛋|混蛋|狗娘养|杂种|狗杂种|操你|操他|草泥马|傻逼|煞笔|傻b|沙雕|傻叉|屌丝|脑残|逼样|臭逼"
        "|骚货|荡妇|妓女|渣男|贱种|狗逼|屎一样|クズ|売女|ビッチ|淫売|死に損ない|개새끼|새끼|씨발년|병신|미친년|미친놈|창녀|걸레|쌍년|شرموط|قحب"
        "|ابن الكلب|عاهرة|كلاب|خنزير|خنازير|चूतिया|मादरचोद|भोसड़|रंडी|हरामी|कमीन|कुतिया",
    ),
    SignGroup(
        "stupid",
        "idiot(s|ic|en|ed?s)?|moron(s|ic)?|imbecil*|stupid*|dumb(er|est|my|mies)?|brain ?dead|brainwash*|senile|nitwits?|dimwits?|half ?wits?"
        "|clueless|delusional|demented|deranged|lunatics?|psychos?|clowns?|buffoons?|bimbos?|nut ?(case|job)s?|fools?|crazy|insane|retardation"
        "|low iq|ignorant|ignoramus|birdbrain*|snowflakes?|depp(en)?|trottel*|vollidiot*|volltrottel*|dumm*|damlich*|bloed|blod(e|er|es|mann)?"
        "|verblod*|bekloppt*|hohl*|schwachkopf*|schwachsinn*|irre(r|n)?|gestort*|geisteskrank*|hirnlos*|dummkopf|spinner|burr(o|a|os|as|ice)"
        "|idiotas?|tapad*|ignorantes?|imbecis|jumento*|doente mental|maluc(o|a)|debil mental|anta|topeira|tont(o|a|os|as)|estupid*|subnormal*"
        "|bob(o|a)|debiles?|cretins?|abrutis?|stupides?|idiotes?|conn?es?|cretin(o|a|i)|scem(o|a|i)|deficient(e|i)|stupid(o|a|i)|domme|debiel*"
        "|achterlijk*|glupi|glupia|debil*|kretyn*|idiot(a|ka|ow)|aptal*|gerizekali*|salak*|geri zekali|ngu|pagal|gadha|bewakoof",
        "идиот|дурак|дура|тупой|тупая|тупые|кретин|долбо|智障|弱智|白痴|蠢|傻子|傻瓜|脑瘫|低能|没脑子|无脑|没文化|无知|神经病"
        "|精神病|巨婴|馬鹿|バカ|ばか|アホ|間抜け|池沼|気違い|キチガイ|바보|멍청|지능|غبي|اغبياء|حمار|احمق|بقر|متخلف|बेवकूफ|मूर्ख"
        "|गधा|पागल",
    ),
    SignGroup(
        "vulgar",
        "fuck(in|ing|en|ed|s|wit)?|fck*|fuk*|wtf|shit(s|ty|hole|holes|show)?|bullshit|ass|asses|crap|damn|goddamn|tits|cocks?|dicks?|sucks?"
        "|stinks?|butt|boobs?|horny|turds?|poop*|piss*|scheiss*|scheiße|scheisse|kack*|arsch|verfickt*|fick*|kotz*|caralho|krl|carai|porra"
        "|merda|bosta|buceta|pau|foda|fode*|foder|vtnc|vsf|vsfd|pqp|puta que pariu|vai se foder|tomar no cu|vai tomar|cacete|mierda|joder|cono"
        "|verga|chinga*|pinche|culo|carajo|merde|putain|bordel|cul|bite|nique*|cazzo|merda|vaffanculo|fanculo|culo|kut|kanker*|tering*|tyfus*|lul"
        "|chuj*|pierdol*|pierdal*|gowno|zajeb*|siktir*|amk|aq|amina|du ma|vcl",
        "хуй|хуе|хуи|пизд|ебан|ебат|ебал|нахуй|говно|жоп|他妈|妈的|卧槽|我操|屎|屁|鸡巴|操蛋|くそ|クソ|糞|씨발|시발|좆|지랄"
        "|존나|خرا|زفت|طيز|كس ام",
    ),
    SignGroup(
        "silence",
        "shut (the (fuck|hell|f) )?up|shut your|stfu|gtfo|foh|piss off|fuck off|fuck (you|u|him|her|them|all|off|this|that)|screw you|get lost"
        "|go away|you suck|suck my|kiss my|bite me|eat shit|up yours|your (mom|mother|mama|momma)|ur mom|no ?one (likes|cares|asked)"
        "|nobody (likes|cares|asked)|get a life|hate (you|u|him|her|them|all|these|those|women|men|people)|i hate|you people|these people"
        "|those people|people like (you|them)|your kind|halt(s|et)? (die |dein |deine )?(maul|fresse|schnauze|klappe)|maul halten|fresse halten"
        "|verpiss*|leck mich|fick dich|cala (a |sua )?boca|cala-te|se fode*|se foda*|se lasca*|vai (a|pra) merda|chupa|mama|te odeio|odeio|que odio"
        "|callate|cierra la boca|vete a la|chupame|que te|ta gueule|ferme la|va te faire|casse toi|nique ta|sta zitto|zitta|vaffan*|hou je|zamknij"
        "|spadaj|kapa cene*|sus lan",
        "заткн|пошел на|пошла на|иди на|отвали|отъеб|闭嘴|闭上你|滚蛋|去你的|你妈|你全家|尼玛|讨厌|黙れ|うるさい|嫌い|닥쳐|니애미"
        "|느금마|اخرس|كل تبن|चुप कर|भाड़ में",
    ),
    SignGroup(
        "vermin",
        "scum|vermin|parasites?|maggots?|cockroach(es)?|roaches|subhumans?|sub-humans?|degenerates?|filth|filthy|savages?|diseased"
        "|perverts?|pedos?|pedophile*|inferior|uncivili(s|z)ed|disgusting|smelly|stinky|ugly|worthless|pathetic|vile|despicable|sleazy"
        "|spineless|cowards?|lowlifes?|abomination*|unnatural|mentally ill|abschaum|ungeziefer|parasit*|schmarotzer*|gesindel|dreck*"
        "|krebsgeschwur*|invasor*|ekelhaft*|widerlich*|wertlos*|abartig*|pervers*|versager*|feige*|hasslich*|erbarmlich*|jammerlich*"
        "|nojent*|nojo|podre*|fedid*|imund*|escoria|asco|asquero*|gusan*|ordures?|racaille*|cafards?|vermine|degueulasse*|feccia"
        "|schifos*|vermi|zecche|maiali?|tuig|uitschot|smiecie?|bydl*|swini*|brud*|domuz*|kopek*|pislik*|igrenc*",
        "тварь|мусор|паразит|скот|отброс|урод|мерзк|вонюч|быдло|垃圾|人渣|败类|废物|恶心|渣滓|蛆|寄生虫|臭虫|毒瘤|下贱|低贱|低等|劣等|不要脸|野蛮|原始人|没素质|素质低|素质差|畜牲|禽兽"
        "|滚犊|垃圾人种|キモ|害虫|寄生|劣等|醜い|쓰레기|벌레|더럽|역겹|못생|حقير|زبال|قذر|حشر|وسخ|قمام|कुत्ते|सूअर|गंदे|नीच|कीड़",
    ),
    SignGroup(
        "expel",
        "go back to|go back where|get out of|send (them|him|her|you) (all )?(back|home)|kick(ed)? (them|him|her) out|don't belong|do not belong"
        "|not welcome|stay out|keep (them|those) out|build (the|a) wall|ban (all|them)|taking over|tak(e|ing) our|replac(e|ing) us"
        "|our (country|women|jobs|culture|people|race)|raus|ausweis*|heimschick*|zuruck nach|ab nach|volk*|umvolk*"
        "|uberfremd*|asylant*|asylforder*|fachkraft*|goldstuck*|bereicher*|volta pr*|fora daqui|vete a tu|fuera de|rentre chez toi|rentrez chez"
        "|dehors|a casa loro|tornat*|rot op|eigen land|wynocha|wypierdalaj|spierdalaj|defol*",
        "вон из|убирайся|понаехал|滚|滚出|滚回|滚开|赶出|別來|别来|出て行け|帰れ|追い出せ|꺼져|추방|나가라|اخرج|ارحل|اطرد|भाग जा"
        "|निकल",
    ),
    SignGroup(
        "slur in English",
        "nigg(er|ers|a|as|ah|az|uh|uhs)|sand nigg*|fag(s|got|gots|gy)|dykes?|spics?|chinks?|gooks?|wetbacks?|ragheads?|towelheads?|porch monkeys?"
        "|jungle bunn(y|ies)|niggress|libtard(s|ed)?|feminazis?|retards",
    ),
    SignGroup(
        "insult in English",
        "bitch(es|y|ass|in|ing)?|biatch|cunts?|whores?|sluts?|slutty|skanks?|motherfuck*|cocksuckers?|dickheads?|dipshits?|shitheads?|fucktard*"
        "|fuck(head|wad|face|boy)s?|dumbass(es)?|jackass(es)?|douchebags?|assholes?|azzholes?|scumbags?|pussy|pussies|fag|(go|please) kill yourself"
        "|kys",
    ),
    SignGroup(
        "ambiguous slur",
        "hoes|kikes?|beaners?|coons|tranny|trannies|muzzies?|darkies|twats?|white trash",
    ),
    SignGroup(
        "curse",
        "fuck(joe|biden|trump|lib|the)*"
        "|fuck(in|ing|en)? (you|u|off|him|her|them|all|these|those|this (guy|man|bitch)|the (left|right|police)|idiots?|morons?|losers?|liars?|pigs?|stupid)"
        "|pieces? of (shit|crap|trash|garbage)|(burn|rot) in (hell|prison|jail)|go (die|to hell|fuck)|drop dead|shut the (fuck|f|hell) up|stfu|gtfo"
        "|(deserves?|needs?|ought) to (die|be (shot|hanged|hung|killed))|(hope|wish) (you|he|she|they) (all )?(dies?|rots?|suffers?|chokes?)",
    ),
    SignGroup(
        "strong word",
        "retard(ed)?|fuck(in|ing|en|ed|s)?|hoe|thots?|douche|dicks?|pricks?|scum|morons?|imbeciles?|brain ?dead|shitty|dumbest|subhumans?",
    ),
    SignGroup(
        "slur by letters",
        "magats?|azz(hole|es)?|crack ?heads?|roast in hell|(hang|shoot|execute) (him|her|them) all",
    ),
    SignGroup(
        "emoji",
        elsewhere="🖕|🤡|💩|🤮|🤢|🐷|🐖|🐽|🐒|🐵|🙈|🙊|🦍|🦧|🐍|🐀|🐁|🪳|🔪|🪓|☠|👿|😈|👹|🗑|🧟|🐗",
    ),
)
"""Groups of words of which one must be there, or a topic: a text without any is not judged."""

OTHER_WORDS: Final = (
    SignGroup(
        "animal",
        "rats?|trash|garbage|pigs?|swine|monkeys?|apes?|animals?|beasts?|plague|cancer|disease|virus|infest*|invad*|invasion"
        "|creatures?|monsters?|dogs?|snakes?|weasels?|leech(es)?|freaks?|creeps?|mutants?|primitive|dirty|gross|fat|useless|losers?"
        "|sick|ratten?|schwein*|sau|affen?|seuche|pest|krank*|lixos?|porc(o|a|os)|rat(o|os)|cobras?|demonios?|feia?o?s?"
        "|gord(o|a|os|as)|ridicul*|falsa?o?s?|inut(il|eis)|basura|ratas?|cerd(o|a|os)|fe(o|a)s?|inutil*|dechets?|porcs?|ratten"
        "|varkens?",
        "крыс|свинь|猪|狗|老鼠|癌|脏|丑|豚|돼지",
    ),
    SignGroup(
        "violence",
        "kys"
        "|(kill|hang|shoot|stab|slap|beat|punch|rape|burn|gas|lynch|drown|choke|exterminate|eradicate|eliminate|behead|deport|castrate|sterili(s|z)e|murder)(ed|s|ing)?"
        "|drop dead|go die|die (in|bitch|already|you|slow*|motherf*)|hope (you|he|she|they) (all )?(dies?|rots?|suffers?|chokes?|gets?)"
        "|(burn|rot) in (hell|prison|jail)|go to hell|deserves? (to|it|death)"
        "|should be (shot|hanged|hung|killed|dead|deported|locked|banned|gassed|burned|wiped)|wipe(d)? out|genocide|death to|a bullet|curb ?stomp*"
        "|rope|oven|erschiess*|aufhang*|abknall*|vergas*|verreck*|umbring*|erschlag*|aufknupf*|verrott*|stirb|krepier*|abschieb*|auf die fresse"
        "|aufs maul|steinig*|entsorg*|morra*|morre*|matar|tomara que|espanc*|porrada|surra|tiro na|vai morrer|se mata|se matar|queimar"
        "|muer(e|a|an|ete|te)|matarl*|matenl*|ahorca*|fusila*|creve*|crever|buter|pendre|tuer|bruler|crepa*|muori|ammazz*|bruciat*|impicc*|dood"
        "|sterf*|afmaken|ophangen|zdech*|zabic|powiesic|geber*|oldur*|asilma*",
        "сдохн|убить|убей|повес|расстрел|сжечь|смерть|去死|死全家|死妈|全家死|不得好死|杀光|灭绝|灭了|打死|弄死|枪毙|早死|该死"
        "|去死吧|死ね|殺す|殺せ|氏ね|くたばれ|死んだ方が|消えろ|죽어|뒤져|뒈져|죽여|죽일|اقتل|الموت ل|يموت|اذبح|احرق|मर जा|मार डालो"
        "|मार दो",
    ),
    SignGroup(
        "blame",
        "liars?|lying|lies|traitors?|treason*|hypocri*|thugs?|crooks?|criminals?|rapists?|racists?|nazis?|fascists?|communists?|marxists?"
        "|terrorists?|hitler|commies?|demons?|devils?|satan*|evil|scoundrel*|corrupt|crybab*|whin(e|er|ers|ing|y)|lazy|greedy|thie(f|ves)"
        "|murderers?|cheaters?|gold ?digger*|privileged|entitled|hysteri*|toxic|fake|shameful|disgrace*|jokes?|puppets?|lugner*|lugen*|lugt"
        "|verrater*|volksverrat*|verbrecher*|heuchler*|heuchel*|hetzer*|faschist*|nazipack|terrorist*|diktator*|korrupt*|gutmensch*"
        "|links(grun)?versifft*|marionett*|speichellecker*|schande|schamt|widerling*|vergewaltig*|kriminell*|islamisier*|altpartei*"
        "|kartell*|propaganda*|staatsfunk|mentiros*|ladr(ao|oes|a)|bandid*|corrupt*|golpist*|hipocrit*|traidor*|vergonha*|palhac*|fascist*"
        "|comunist*|petist*|bolsominion*|ladron*|mentiros*|asesin*|vendid*|menteur*|voleur*|traitre*|collabo*|hypocrit*|bugiard*|ladr(o|i)"
        "|traditor*|leugenaar*|verrader*|klamc*|zlodziej*|zdrajc*|yalanci*|hain*|hirsiz*",
        "лжец|врун|воры|вора |предател|фашист|нацист|骗子|小偷|汉奸|卖国|虚伪|无耻|强奸犯|恐怖分子|流氓|懒|嘘つき|売国|犯罪者|泥棒"
        "|恥知らず|거짓말|매국|범죄자|도둑|كذاب|خائن|ارهابي|لص|झूठा|गद्दार|आतंकवादी|चोर",
    ),
)
"""Groups of words that are abuse of somebody only."""

TARGETS: Final = (
    SignGroup(
        "group",
        "wom(a|e)n|females?|girls?|feminis*|m(a|e)n|males?|wife|wives|jew(s|ish)?|muslims?|islam*|mosques?|arabs?|blacks?"
        "|black (people|men|women|folks?)|african*|asians?|chinese|mexicans?|latin(o|a|os|as|x)|hispanics?|indians?|pakistan*|immigra*|migrants?"
        "|refugees?|foreigners?|aliens?|illegals?|gays?|lesbians?|homosexual*|bisexual*|lgbt*|trans(gender|women|men)?|queers?|disabled|autistic"
        "|handicap*|deaf|blind|whites?|white (people|men|women)|christians?|catholics?|liberals?|leftists?|conservatives?|democrats?|republicans?"
        "|roma|gyps(y|ies)|natives?|minorit(y|ies)|old people|boomers?|poor people|homeless|frau(en)?|juden?|judisch*|moslem*|musliminnen"
        "|muslime?n?|islam*|auslander*|fluchtling*|migrant*|turken?|turkisch*|araber*|afrikan*|schwarze(n|r)?|schwule?n?|lesben?|behindert*"
        "|linke(n|r)?|grunen?|rechte(n|r)?|christen|mulher(es)?|homens|pret(o|a|os|as)|negr(o|a|os|as)|gays|gay|trans|judeus?|nordestin*|favelad*"
        "|evangelic*|mujeres?|hembra*|hombres|judi(o|os)|gitan*|homosexual*|inmigrantes?|femmes?|juifs?|musulman*|arabes?|noirs?|etrangers?"
        "|immigres?|donne|ebre(o|i)|stranieri|immigrat*|vrouwen|joden|moslims|buitenlanders|kobiet*|zyd(zi|ow)?|uchodzc*|kadin*|suriyeli*|ermeni*"
        "|yahudi*",
        "женщин|бабы|евре|мусульман|мигрант|негр|геи|геев|кавказц|女人|女的|女生|男人|男的|女性|女权|婆娘|黑人|白人|犹太"
        "|穆斯林|回族|同性恋|基佬|外地人|河南人|东北人|上海人|北京人|广东人|山东人|新疆人|四川人|湖北人|武汉人|农村人|乡下人|印度人|日本人|韩国人|美国人|非洲人|老外"
        "|外国人|少数民族|台湾人|香港人|难民|移民|残疾人|老人|穷人|女司机|剩女|女|男|外国人|朝鮮人|中国人|韓国人|黒人|女は|女ども|障害者|여자|여성|남자|흑인"
        "|중국인|일본인|조선족|외국인|동성애|장애인|نساء|المراة|اليهود|المسلم|السود|الافارقة|اللاجئ|الشيعة|السنة"
        "|المثلي|औरत|मुसलमान|हिंदू|दलित|लड़की",
    ),
    SignGroup(
        "you",
        "you|your|you're|youre|u|ur|yours|yourself|du|dich|dir|dein(e|er|en)?|ihr|euch|eu(re|er|ren)|voce|vc|vcs|voces|seu|sua|tu|teu|tua|te"
        "|tus?|usted|ustedes|vosotros|toi|ta|vous|votre|vos|ti|tuo|voi|lei|jij|je|jullie|ty|ciebie|twoj*|sen|siz|senin",
        "ты|тебя|тебе|твой|вы |вас|你|妳|您|お前|おまえ|てめえ|貴様|あなた|너|니가|네가|당신|انت|انتم|तू|तुम",
    ),
    SignGroup(
        "they",
        "they|them|their|these|those|he|him|his|she|her|hers|it's|er|sie|ihn|ihm|die|diese(r|n|s|m)?|jene|ele|ela|eles|elas|dele|dela|ellos|ellas"
        "|el|ella|ils|elles|lui|loro|egli|hij|zij|ze|oni|one|jego|onlar|o",
        "они|он |она|他|她|他们|她们|它们|这些|那些|这种|这群|那群|あいつ|こいつ|奴ら|奴|彼|그들|걔|저것들|هم |هؤلاء|वे|ये",
    ),
    SignGroup(
        "all of them",
        "all|every|each|most|any|always|never|none|only|nothing but|just a bunch|bunch of|typical|naturally|by nature|alle|jede(r|n|s|m)?|immer|nur"
        "|lauter|tod(o|a|os|as)|sempre|nunca|so|siempre|solo|tous|toutes|toujours|tutt(e|i)|allemaal|altijd|wszys*|zawsze|hep|butun",
        "все|всегда|只会|都是|全是|都|全部|永远|果然|总是|就是|一个个|みんな|全員|ばかり|どうせ|모두|전부|다들|항상|كلهم|دائما|सब|हमेशा",
    ),
)
"""Whom a text is about."""

MEANT: Final = (
    SignGroup(
        "negation",
        "not|n't|isn't|aren't|don't|doesn't|wasn't|can't|cannot|never|no|without|stop calling|nicht|kein(e|en|er)?|nie|nao|nunca|jamais|no|nunca|ne"
        "|pas|jamais|non|mai|niet|geen|nie|degil",
        "не |нет|不是|没有|别|不要|不该|不应该|ない|ではない|아니|않|ليس|لا |नहीं",
    ),
    SignGroup(
        "quotation",
        "called (me|him|her|us|them)|calls (me|him|her)|calling (me|him|her|people|someone)|said|says|say|told|tells|the word|term|terms|slur|slurs"
        "|means?|meaning|definition|heard|reported|according|article|study|studies|research|accused|quote|wrote|sagte?|sagen|nannte|genannt|laut"
        "|wort|zitat|disse|falou|diz|chamou|chamad(o|a)|dijo|llamo|dice|appele|disse|detto",
        "сказал|говор|слово|叫我|说我|说|所谓|称为|这个词|意思|研究|报道|と言|って言|という言葉|意味|라고|말했|뜻|قال|يقول|كلمة|कहा",
        mark='"',
    ),
    SignGroup(
        "of oneself",
        "i|i'm|im|i am|me|my|myself|mine|we|we're|us|our|ich|mir|mich|mein(e|er|en)?|wir|uns|eu|meu|minha|mim|to|tou|estou|sou|nos|yo|soy|mi"
        "|nosotros|je|moi|mon|ma|nous|io|sono|noi|ik|mijn|wij|ja|jestem|my|ben|biz",
        "я |мне|меня|мы |我|我们|咱们|俺|私|僕|俺|나는|내가|우리|انا|نحن|मैं|मेर|हम",
    ),
    SignGroup(
        "good will",
        "love|loves|loved|proud|pride|respect*|beautiful|amazing|great|thank*|thanks|please|support*|help*|equal*|rights?|welcome|friends?|happy"
        "|kind|wonderful|best|good|brave|strong|deserve (respect|love|better|equal)|inclusi*|divers*|accept*|understand*|sorry|congrat*|liebe"
        "|danke*|bitte|respekt*|gut|schon|freue*|gluckwunsch*|amo|amor|lindo|linda|obrigad*|parabens|orgulho|respeito|bom|boa|feliz|saudade*"
        "|gracias|orgullo*|respeto|merci|fier|respecter|grazie|rispetto|dank|dzieki|tesekkur*",
        "люблю|спасибо|уважа|пожалуйста|谢谢|尊重|平等|理解|支持|喜欢|爱|感谢|请问|希望|祝|朋友|保护|歧视|ありがとう|尊重|好き|差別|応援"
        "|감사|사랑|존중|차별|شكرا|احترام|حب|धन्यवाद|प्यार|सम्मान",
    ),
    SignGroup(
        "question",
        "what|why|how|who|when|where|warum|wie|was|wer|por que|como|quem|quien|pourquoi|comment",
        "吗|呢",
    ),
)
"""How a word may be meant."""
