"""Words of the topics of each category, in the languages of the guard: a text without any is not judged.

A topic alone is no finding: see ``aims``.
"""

# ruff: noqa: E501 - lists of words are easier to compare in few rows

from __future__ import annotations

from typing import Final

from extproc.detectors.harm.signs import SignGroup

CATEGORIES: Final = ("self_harm", "sexual", "weapons", "drugs", "cyber", "hate", "violence", "crime")
"""Most specific first: a text on two topics is reported under the first of them."""

TOPICS: Final = (
    SignGroup(
        "self_harm",
        "jump(ing)? off|my (cuts|scars)|stop eating|die in my sleep|"
        "suicid*|kill(ing)? (myself|yourself|themselves|himself|herself|oneself)|end(ing)? (my|your|their|one's) (own )?life"
        "|take (my|your|their) own li*|hang (myself|yourself)|noose|kys|(want|wanna|ready) to die|painless(ly)? (way|death|die)*|lethal dose*"
        "|overdos*|self ?(harm|injur|mutilat|destruct)*|cut(ting)? (myself|yourself|themselves)"
        "|(hurt|harm|burn|starv|injur)(e|ing)? (myself|yourself|themselves)|anorexi*|bulimi*|pro ?ana|thinspo|eating disorders?"
        "|purg(e|ing) (after|food|meals)|starvation|starv(e|ing)|extreme (diet|fasting|weight)*|laxatives?|suizid*|selbstmord*|selbstverletz*"
        "|mich umbring*|magersucht*|uberdosis|suicid(e|er|arme|arse|io|ios|armi|arsi|ar)|me tuer|me faire du mal|automutil*|anorexi*|surdose"
        "|matarme|quitarme la vida|autolesion*|sobredosis|uccidermi|togliermi la vita|autolesion*|me matar|suicid*|automutila*|overdose|zelfmoord*"
        "|zelfdod*|mezelf|samoboj*|zabic sie|okalecz*|intihar*|kendimi|tu tu|tu sat|tu lam hai ban than|tu hai|bunuh diri|chan an",
        "самоуб|суицид|покончить с собой|убить себя|порезать себя|передозиров|自杀|自殺|自残|自殘|自伤|轻生|割腕"
        "|跳楼|厌食|催吐|绝食|自傷|リストカット|死にたい|拒食|자살|자해|죽고 싶|거식증|انتحار|ايذاء نفسي|اقتل نفسي|आत्महत्या"
        "|खुदकुशी|ฆ่าตัวตาย|ทำร้ายตัวเอง",
    ),
    SignGroup(
        "sexual",
        "undress*|hidden camera|changing room|seduc*|grop(e|ed|ing)|lewd|intimate (photos|pictures|videos|images)|sleep(ing)? with|"
        "touch(ing)? a (child|girl|boy|minor)|lust*|kinky|stripp(er|ing)|genital*|"
        "porn*|erotic*|hentai|nud(e|es|ity)|naked|sext(s|ing)?|sexual(ly|ity|i(s|z)e*)?|sexy|masturbat*|orgasm*|fetish*|bdsm"
        "|explicit (image|photo|picture|video|content|material|story|scene|sex)*|escort services?|prostitut*|brothels?"
        "|adult (content|entertainment|services|film|video|site|website|material)s?|sex|child (porn|sex|abus|erotic|exploit|molest|groom)*|csam"
        "|underage|pedophil*|paedophil*|lolicon|groom(ing|ed)?|molest*|incest*|preteens?|minors|rap(e|ed|es|ist|ists|ing)|date rape"
        "|sexual(ly)? (assault|abus|harass|exploit|coerc)*|non ?consensual(ly)?|revenge porn|upskirt*|voyeur*|sex traffick*|bestiality|sextort*"
        "|deepfakes?|kinderporno*|pornogra*|porno*|vergewaltig*|missbrauch*|nacktfoto*|nacktbild*|sexuell*|prostitu*|minderjahrig*"
        "|viol(er|ee|s|eur|ence sexuelle)|pedopornograph*|pedophil*|mineur(e|s|es)?|nu(s|e|es)|sexuel*|harcel*|porno*|viola(r|cion|do|da)"
        "|menor de edad|menores|desnud*|sexual*|abus(o|ar|os) *|pedofil*|stupr*|minorenn*|nud(e|i|a|o)|sessual*|estupr*|pornografia|nudes"
        "|verkracht*|kinderporno|minderjarig*|naakt*|gwalt*|nieletni*|pornografi*|tecavuz*|cocuk istismar*|ciplak*|khieu dam|hiep dam|au dam"
        "|tinh duc|tre vi thanh nien|mai dam|lam dung tinh duc|khoa than|tinh duc",
        "изнасил|порно|детское порно|детской порн|несовершеннолет|сексуальн|растл|проститу|обнажен"
        "|强奸|強姦|性侵|猥亵|猥褻|色情|裸照|裸体|未成年|卖淫|嫖|性骚扰|偷拍|恋童|乱伦|春药|迷奸|援交|黄片|性爱|性行为|性虐|レイプ|強姦|児童ポルノ|盗撮"
        "|わいせつ|売春|未成年|裸|강간|성폭행|몰카|아동 포르노|음란|성매매|미성년|성적|اغتصاب|اباحي|تحرش|دعارة|قاصر|جنسي|عارية"
        "|बलात्कार|यौन|अश्लील|नाबालिग|पोर्न|ข่มขืน|ลามก|อนาจาร",
    ),
    SignGroup(
        "weapons",
        "munitions?|uranium|plutonium|missiles?|machete|poisonous gas|serial number of a gun|mustard gas|radioactive|"
        "bomb(s|ing|ings|er|ers)?|explosiv*|grenades?|detonat*|ied|molotovs?|napalm|pipe bombs?|landmines?|thermite|dynamite|tnt|gunpowder"
        "|fertili(s|z)er bombs?|weapon*|firearms?|guns?|rifles?|ammunition|ammo|silencers?|suppressors?|ghost guns?|handguns?|shotguns?|pistols?"
        "|crossbows?|switchblades?|brass knuckles|arms (deal|traffick|smuggl)*|tasers?|knife|knives|high-capacity magazines?|armou?r piercing"
        "|flamethrowers?|nerve agents?|sarin|anthrax|ricin|smallpox|botulinum|bio ?weapons?|bioterror*|chemical weapons?"
        "|biological (weapon|agent)s?|mustard gas|chlorine gas|phosgene|dirty bombs?|cyanide|toxic (gas|chemical|substance)*|poison gas"
        "|hazardous (chemical|material|substance|waste)s?|pathogens?|nuclear (weapon|bomb|device|material)s?|weapons-grade"
        "|dangerous (chemical|substance|weapon|virus|pathogen)s?|bomben?|sprengstoff*|sprengsatz*|rohrbombe*|giftgas*|schusswaffe*|waffen?|munition"
        "|schalldampfer|bombes?|explosif*|arme(s)?|munitions|silencieux|poison|bombas?|explosivo*|armas?|municion*|silenciador*|veneno*|bomb(a|e)"
        "|esplosiv*|arm(a|i)|munizion*|velen(o|i)|explosie*|wapens?|gif|gifgas|bron|broni|bomb(e|y|a)|wybuchow*|amunicj*|trucizn*|bomba*|patlayici*"
        "|silah*|zehir*|bom|chat no|vu khi|sung|thuoc doc|chat doc|senjata|bom|peledak",
        "бомб|взрывчат|взрыв|оружи|пистолет|автомат|патрон|глушител|яд|зарин|химическое оружие|炸弹"
        "|炸彈|炸药|炸藥|爆炸|枪|槍|弹药|彈藥|武器|毒气|毒氣|毒药|毒藥|化学武器|核武|生化|雷管|手榴弹|弓弩|刀具|管制刀|爆弾|爆発|銃|毒ガス|毒物|兵器|手榴弾|폭탄"
        "|폭발물|총기|독가스|무기|독극물|수류탄|قنبلة|قنابل|متفجرات|سلاح|اسلحة|غاز سام|سم |سموم|बम|विस्फोटक|हथियार"
        "|बंदूक|ज़हर|जहर|ระเบิด|อาวุธ|ยาพิษ",
    ),
    SignGroup(
        "drugs",
        "roofies|pills|weed|vap(e|es|ing)|snort*|psychedelic*|morphine|painkillers?|poppies|drug test*|urine sample|designer drugs?|fake (pills|"
        "prescriptions?)|cook(ing)? (meth|crack)|sleeping pills|"
        "meth|methamphetamines?|crystal meth|cocaine|heroin|fentanyl|lsd|mdma|ecstasy|ketamine|opium|crack cocaine|narcotics?|opioids?|oxycontin"
        "|oxycodone|hydrocodone|xanax|adderall|ghb|psilocybin|amphetamines?|dmt|pcp|bath salts|codeine|controlled substances?|drugs?"
        "|drug (deal|traffick|smuggl|cartel|mule|lab)*|marijuana|cannabis|get(ting)? high|steroids?|counterfeit (pill|drug|medic)*|date rape drugs?"
        "|(fake|forge(d)?|false) prescriptions?|prescription (drug|medication|pill)s?|alcohol to minors|moonshine|illicit substances?|drogen*"
        "|rauschgift*|kokain*|heroin*|cannabis*|drogues?|stupefiants?|cocaine|heroine|drogas?|narcotic*|cocaina|heroina|metanfetamina|marihuana"
        "|narcotraf*|droghe?|eroina|spaccia*|maconha|trafico de|drugs|cocaine|narkotyk*|kokain*|amfetamin*|dopalacz*|uyusturucu*|esrar*|ma tuy"
        "|can sa|thuoc phien|heroin|cocain|chat cam|narkoba|ganja|sabu",
        "наркот|героин|кокаин|метамфетамин|мефедрон|спайс|дурман|закладк|марихуан|毒品|冰毒|海洛因|可卡因|大麻"
        "|摇头丸|吸毒|贩毒|制毒|芬太尼|鸦片|吗啡|止咳水|笑气|麻薬|覚醒剤|覚せい剤|大麻|コカイン|ヘロイン|薬物|ドラッグ|마약|필로폰|대마|코카인|헤로인|본드|مخدر"
        "|حشيش|كوكايين|هيروين|नशीली|ड्रग्स|ड्रग|हेरोइन|अफीम|गांजा|कोकीन|ยาเสพติด|ยาบ้า|กัญชา",
    ),
    SignGroup(
        "cyber",
        "escalat(e|ing|ion of) privileges?|root (access|shell|privileges)|(gain|get|become|gaining|getting) root|reverse shell|web ?shell|"
        "keystrokes?|antivirus|sandbox|payloads?|escape (the|from|a) (container|sandbox|vm|host|jail)|break(ing)? out of (the|a) (container|"
        "sandbox)|container escape|port scan*|metadata (service|endpoint)|ssh keys|password (hashes|hash|dump|list)|passwords|credentials|stolen|"
        "persistence|command and control|crack(ing)?|wip(e|ing) (the|all) (logs?|disk|files)|delet(e|ing) (the|all) (logs?|audit logs)|disabl(e|"
        "ing) (the )?(firewall|security|logging|monitoring|alarm)|social security number|personal (information|data)|private (information|"
        "messages|photos|conversations|life)|spy|spies|track(ing)? (her|his|him|my wife|my girlfriend|a person)|without (permission|"
        "authorization|their knowledge|her knowledge|consent)|fork bomb|shellcode|two factor|denial of service|flood(ing)? (the|a) (server|"
        "network|website|site)|"
        "malware|ransomware|spyware|adware|scareware|keylog*|botnets?|rootkits?|trojans?"
        "|(computer|undetectable|malicious|mobile|self-replicating|dangerous) (virus|worm)(es|s)?|viruses|virus|worms?|backdoors?"
        "|malicious (code|software|program|script|payload|app|link|attachment|file|website)*|logic bombs?|cryptojack*|infect(s|ing)?"
        "|hack(s|ed|er|ers|ing)?|ddos|denial of service|sql injection|brute ?forc*|crack(ing)? (password|software|wifi|wi-fi|a|the|into|encr)*"
        "|exploit(s|ed|ing)?|zero days?|privilege escalation|break(ing)? into|gain(ing)? (unauthori(s|z)ed )?(access|control)"
        "|unauthori(s|z)ed (access|entry|user)*|bypass(es|ed|ing)?|infiltrat*|intercept*|eavesdrop*|man-in-the-middle|spoof*|jailbreak*"
        "|vulnerabilit*|cyber ?attacks?|cyber ?(crime|terror|warfare)*|remotely (control|access|take)*|take control|dark ?(web|net)"
        "|(spear ?)?phish*"
        "|steal(s|ing)? (password|login|credential|data|cookie|session|personal|sensitive|confidential|user|credit|information|account)*"
        "|harvest(s|ing)? (data|email|credential|personal|user|information)*|exfiltrat*|leak(s|ing|ed)?|login credentials|social engineering"
        "|fake (login|website|site|app|account|email|profile|antivirus)*|spy(ing)? on|track(ing)? (someone|a person|my|people|users|individuals)"
        "|catfish*|spam(s|ming|mer)?|click ?fraud|hacken|gehackt*|hack*|schadsoftware*|schadprogramm*|passworter|ausspah*|ausspion*|pirat(er|age|e)"
        "|logiciel malveillant*|rancongiciel*|hamecon*|espionner|mots? de passe|hackear*|pirateri*|contrasen*|espiar*|malicios*|ciberat*|suplant*"
        "|violare|spiare|rubare (dati|password)|senhas?|invadir|espionar*|kraken|wachtwoord*|afluister*|wlam*|zhakow*|haslo|hasla|szpieg*|sifre*"
        "|hesab*|casus*|tan cong mang|xam nhap|ma doc|hack|danh cap|lua dao truc tuyen|gian diep|mat khau|tin tac|phan mem doc hai|retas*|meretas",
        "взлом|хакер|вирус|вредонос|вымогател|украсть парол|парол|фишинг|шпион|слежк|黑客|駭客|入侵|病毒|木马"
        "|木馬|钓鱼|釣魚|破解|盗号|盗取|窃取|竊取|攻击|攻擊|漏洞|勒索|监听|窃听|监控|隐私|个人信息|密码|撞库|爬取|外挂|ハッキング|ハッカー|不正アクセス|マルウェア"
        "|ウイルス|盗聴|フィッシング|パスワード|個人情報|해킹|해커|악성|랜섬|바이러스|비밀번호|도청|개인정보|피싱|اختراق|قرصنة|فيروس"
        "|برمجيات خبيثة|تجسس|كلمة المرور|كلمات المرور|تصيد|हैकर|हैकिंग|हैक कर|हैक कैसे|हैक करें|वायरस|मैलवेयर|पासवर्ड|जासूसी"
        "|निजी जानकारी|แฮก|ไวรัส|มัลแวร์",
    ),
    SignGroup(
        "hate",
        "(women|men|girls|females|whites|chinese|indians|old people|poor people) (should|can't|cannot|belong|deserve|always|never)|"
        "(blacks|asians|mexicans|arabs|africans|jews|muslims|gays|lesbians|trans people|black people|white people|disabled people|immigrants|foreigners|gypsies|feminists) (are|should|can't|cannot|need|only|just|do|don't|have|will|always|never|belong|deserve|want)|trann(y|ies)|lesbians?|homosexual*|trans (women|men|people|kids)|"
        "illegals|"
        "dehumani(s|z)*|insult*|make fun of|offensive|inferior|jews?|gays?|refugees?|deport*|slavery|disabled people|"
        "home address|jokes? about|dox|"
        "racis*|racial(ly)?|supremac*|neo ?nazis?|nazis?|hitler|holocaust|antisemiti*|anti-semiti*|islamophob*|homophob*|transphob*|xenophob*"
        "|misogyn*|sexis(t|m)|kkk|ku klux klan|white power|white pride|master race|inferior race|segregat*|ethnic(ity)?|apartheid|intergroup"
        "|minorit(y|ies)|immigrants?|muslims?|jews|jewish|lgbtq?|transgender|hate (speech|crime|group|message|mail)s?|hat(eful|red)|slurs?"
        "|discriminat*|stereotyp*|bigot*|inflammatory|derogatory|offensive (joke|content|language|comment|term)s?|demean*|degrad*|dog whistles?"
        "|intoleran*|prejudice*|objectif*|harass*|(cyber ?)?bull(y|ies|ied|ying)|cyberstalk*|stalk(s|ed|er|ing)?|dox(x?ing|x?ed|x)?|intimidat*"
        "|threaten*|humiliat*|ridicul*|body ?sham*|troll(s|ing)|blackmail*|spread(ing)? (rumou?rs|lies|hate)|rassis*|rassist*|diskriminier*|hass*"
        "|hetze*|antisemit*|mobb*|belastig*|stalk*|beleidig*|vorurteil*|minderheit*|racis*|discrimin*|haine*|harcel*|insult*|intimid*|prejug*"
        "|minorit*|odio|odia*|discrimina*|racial*|acoso*|acosar*|insult*|amenaz*|razzis*|odio|molest*|minacci*|odi(o|ar)|preconceito*|assedi*|xing*"
        "|ameac*|haat*|discrimin*|pest(en)?|nienawis*|dyskrymin*|rasis*|zastrasz*|nefret*|irkci*|ayrimci*|tehdit*|hakaret*|phan biet|ky thi"
        "|thu ghet|thu han|quay roi|bat nat|xuc pham|lang ma|de doa|chung toc|kich dong|rasis*|diskriminas*",
        "黑人|穆斯林|犹太|同性恋|河南人|东北人|外地人|乡下人|农村人|女司机|剩女|女权|印度人|日本人|韩国人"
        "|新疆人|上海人|北京人|广东人|台湾人|香港人|非洲人|基佬|难民|残疾人|朝鮮人|조선족|동성애|евре|негр|мигрант|"
        "расист|расизм|ненавист|дискримин|травл|травит|угрож|оскорб|унизить|антисемит|нацист|歧视|歧視"
        "|仇恨|种族|種族|侮辱|辱骂|霸凌|欺凌|骚扰|騷擾|威胁|威脅|恐吓|恐嚇|诽谤|诋毁|造谣|人肉|跟踪|偏见|刻板|低人一等|劣等|地域黑|骂人|羞辱|嘲笑|贬低|性别歧视"
        "|差別|憎悪|ヘイト|いじめ|嫌がらせ|ストーカー|脅迫|侮辱|誹謗|偏見|차별|혐오|인종|괴롭히|따돌|협박|모욕|스토킹|비하|عنصري|كراهية|تمييز|تنمر"
        "|تحرش|تهديد|اهانة|भेदभाव|नफरत|घृणा|नस्ल|धमकी|अपमान|उत्पीड़न|परेशान|เหยียด|เกลียดชัง"
        "|กลั่นแกล้ง|ข่มขู่",
    ),
    SignGroup(
        "violence",
        "radicali(s|z)*|zabi(c|j)*|pobi(c|j)*|beat(ing)? up|burn(ing)? down|blow(ing)? up|shoot(ing)? (people|someone|him|her|them|a|at|my)|"
        "drown(ing)? (a|my|him|her|someone|the)|smother*|chok(e|ing) (a|my|him|her|someone|the)|corpses?|dead body|human remains|thugs?|riots?|"
        "attack(ing)? (a|an|my|the|people|someone|him|her|them|innocent|others)|hurt(ing)? (a|an|my|the|people|someone|somebody|him|her|them|"
        "others|innocent)|harm(ing)? (a|an|my|the|people|someone|somebody|him|her|them|others|innocent|children|animals)|injur(e|ing) (a|an|my|"
        "the|people|someone|him|her|them|others)|hit(ting)? (a|my|him|her|someone) *|child soldiers?|hostages?|crash(ing)? (a|an|the) (car|plane|"
        "airplane|train|drone)|"
        "kill(s|ed|ing|er)?|murder*|assassinat*|strangl*|stab(s|bed|bing)?|behead*|lynch*|hitm(a|e)n|suffocat*|dismember*|massacre*|genocid*"
        "|ethnic cleansing|mass shootings?|shoot up|school shootings?|tortur*|poison*|maim*|mutilat*|assault*"
        "|beat(ing)? (up|him|her|them|someone|my)|physical(ly)? (harm|abus|assault|attack|hurt|injur)*"
        "|(hurt|harm|injur|attack|poison|punch|attack)(e|s|ing)? (someone|somebody|a person|people|others|another|innocent|him|her|them|my|children|a child|animals|an animal|other)"
        "|inflict*|physical violence|domestic violence|violen(t|ce|tly)|gor(e|y)|bloodshed|abus(e|es|ed|ing|er|ers|ive)|neglect(ing|ed)?|cruel(ty)?"
        "|kidnap*|abduct*|hostages?|hijack*|human traffick*|captive|enslav*|trafficking|terror(ism|ist|ists|ize|izing)?|extremis*|arson*"
        "|set (fire|ablaze)|riot(s|ing|ers)?|insurrection|suicide (bomb|attack|vest)*|isis|al qaeda|jihad*|incit(e|es|ing|ement)|sabotag*"
        "|crash (a|the) (plane|train|car|bus)|derail*|panic|mass casualt*|overthrow*|militias?|forest fires?|wildfires?|tote(n|t)?|ermord*"
        "|mord(en|e)?|umbring*|vergift*|entfuhr*|folter*|verletz*|prugel*|anschlag*|terror*|brandstift*|gewalt*|angreif*|tuer|assassin*|meurtre*"
        "|empoison*|kidnapp*|enlever|enlevement*|tortur*|attentat*|terroris*|incendi*|violence*|violent*|agress*|blesser|matar|asesin*|envenen*"
        "|secuestr*|tortur*|apunal*|golpear*|violencia*|violent*|atac(ar|o)|herir|danar|uccider*|omicid*|avvelen*|rapir*|tortur*|violenz*|picchiar*"
        "|attacc*|assassinat*|sequestr*|esfaque*|espanc*|agredir|ferir|vermoord*|doden|ontvoer*|martel*|geweld*|aanslag*|mishandel*|zamord*|morder*"
        "|porwa*|tortur*|przemoc*|zamach*|oldur*|cinayet*|kacirma*|iskence*|siddet*|teror*|giet|giet nguoi|am sat|bat coc|tra tan|khung bo|bao luc"
        "|danh dap|hanh hung|dot nha|tan cong|buon nguoi|bunuh|membunuh|menculik|menyiksa|kekerasan|teroris*",
        "убить|убийств|убива|отрав|похи|зарез|избит|избить|пытк|пытать|насил|теракт|террор|поджог"
        "|поджечь|напад|напасть|ранить|杀人|殺人|杀死|殺死|杀害|谋杀|謀殺|绑架|綁架|毒死|折磨|伤害|傷害|暴力|殴打|毆打|打人|恐怖|纵火|縱火"
        "|放火|袭击|襲擊|暗杀|暗殺|刺杀|虐待|虐杀|虐童|报复|砍|捅|打架|斗殴|动手|拐卖|贩卖人口|人口贩|家暴|殺す|殺害|殺し|誘拐|拷問|毒殺|暴力|暴行|テロ|放火"
        "|虐待|襲撃|傷つけ|殴|人身売買|죽이|살인|살해|납치|독살|고문|폭력|테러|방화|폭행|학대|때리|인신매매|قتل|اقتل|تسميم|خطف|اختطاف|تعذيب"
        "|عنف|ارهاب|هجوم|اعتداء|ضرب|حرق|मारना|हत्या|मार डाल|मारने|अपहरण|यातना|हिंसा|आतंक|हमला|पीट"
        "|आग लग|जान से|ฆ่า|ลักพาตัว|ทรมาน|ก่อการร้าย|ความรุนแรง|ทำร้าย",
    ),
    SignGroup(
        "crime",
        "ukra(s|d)*|caught|fake|evidence|secretly|undetected|taxes|customs duties|child support|stolen goods|get away with|lie to|lying to|"
        "hide (money|assets|income|my income|the money)|shell compan(y|ies)|offshore|unethical*|exploit(s|ed|ing|ation)?|vulnerable people|"
        "victims?|rip off|ripping off|break the law|jury|witness(es)?|cover up|ponzi|casino|gambl*|toxic waste|sabotag*|fak(e|ing) (my|a|an)|"
        "pretend(ing)? to be (a|an)|without (a license|paying|being caught|getting caught|anyone knowing)|con artist|bankrupt*|"
        "steal(s|ing)?|stole(n)?|theft|thie(f|ves)|rob(s|bed|bing|bery|beries)?|burglar*|burgle|shoplift*|pickpocket*|hot ?wir*|carjack*"
        "|pick(ing)? (a|the) locks?|lock ?pick*|embezzl*|loot(ing|ed)?|heist|skim(mer|mers|ming)|pirat(e|ed|ing|cy)|torrents?|plagiari*"
        "|copyright(ed)?|fraud(s|ster|sters|ulent|ulently)?|scam(s|mer|mers|ming|med)?|counterfeit*"
        "|forg(e|ed|er|ery|ing) (a|an|document|signature|id|official|medical|currency|money|check|passport|their|someone)*|forger(y|ies)"
        "|fake (id|ids|identit|passport|document|currency|money|bill|charit|check|invoice|vaccin|news|review|medical|degree|diploma|certificate|driver|online|celebrity|cure|insurance|prescription)*"
        "|falsif*|impersonat*|ponzi|pyramid schemes?|money launder*|launder(ing)? money|launder*|insider trading|insider information"
        "|tax (evasion|fraud)|(evad|avoid|cheat)(e|ing)?( on)?( paying)?( my| their| your)? tax(es)?|identity theft|identit(y|ies)"
        "|credit card (number|fraud|information|detail|skim)*|predatory|get rich quick|pump and dump|market manipulation|deceiv*|decepti*"
        "|misrepresent*|mislead(s|ing)?"
        "|trick(s|ed|ing)? (people|someone|users|others|investors|seniors|elderly|into|customers|consumers|victims|them)|extort*|ransom|bribe*"
        "|bribing|smuggl*|traffick*|black market|loan shark*|racketeer*|organi(s|z)ed crime|mafia|gangs?|cartels?"
        "|evad(e|es|ing) (law|police|detection|tax|customs|capture|security|authorit|arrest|regulat)*|cover(ing)? up (a|the|my|evidence|crime)*"
        "|destroy(ing)? evidence|tamper(s|ing)?( with)?|perjur*|obstruct*|illegal(ly)?|illicit|unlawful(ly)?|crim(e|es|inal|inals)|child labou?r"
        "|vandali*|graffiti|trespass*|loopholes?|sweatshops?|dump(ing)? (toxic|waste|hazardous|chemical)*|drunk driv*"
        "|driv(e|ing) (drunk|under the influence|while (drunk|intoxicated))|hit and run|disinformation|misinformation|fake news|propaganda"
        "|conspirac*|false (information|rumou?r|claim|news|narrative|accusation|statement|testimony|story)*|hoax*"
        "|rig(ged|ging)? (an|the) elections?|election (fraud|rigging|interference)|voter (suppression|fraud|intimidation)|suppress(ing)? vot*"
        "|manipulat*|gaslight*|brainwash*|astroturf*|bots? (army|network|to)|cult|defam*|slander*|cheat(s|ed|ing)?|exam answers|fabricat*"
        "|sow(ing)? (discord|division|distrust)|undermin(e|es|ing)|stehlen|stiehl*|klauen|diebstahl*|einbrech*|einbruch*|ausraub*|raub*"
        "|falsch(en|ung|geld)|falsche(n|r|s)? (pass|ausweis|papiere)|geldwasch*|geld waschen|betrug*|betrug|erpress*|bestech*|steuerhinterzieh*"
        "|steuern hinterzieh*|illegal*|kriminell*|schmugg*|manipulier*|falschinformation*|verbrech*|straftat*|vol(er|eur|s)?|cambriol*|braqu*"
        "|blanchi*|faux|fausse*|contrefa*|fraud*|escroqu*|chantage*|corromp*|corruption|soudoy*|illegal*|crimin*|contreband*|manipul*"
        "|desinformation|rob(ar|o|os)|hurt(o|ar)|lavar dinero|blanque*|falsific*|fals(o|a|os|as)|estaf*|fraude*|extors*|chantaje*|soborn*|evadir*"
        "|evasion*|ilegal*|crimen*|criminal*|delit*|contraband*|engan*|trafic*|rub(are|o)|rapin*|ricicl*|falsific*|truff*|frod*|ricatt*"
        "|corromper*|corruzion*|evader*|evasione|illegal*|crimin*|contrabband*|manipol*|ingann*|roub*|lavar dinheiro|lavagem de dinheiro"
        "|golpe*|fraud*|extors*|suborn*|sonega*|crime*|stelen|diefstal*|beroven|overval*|witwas*|vervals*|oplicht*|afpers*|omkop*|fraude|krasc"
        "|kradziez*|okrad*|wlamani*|podrob*|falszyw*|oszust*|oszuk*|szantaz*|lapowk*|przemyt*|nielegaln*|hirsiz*|calmak|soy(mak|gun*)|sahte*"
        "|dolandir*|santaj*|rusvet*|kacakci*|yasadisi*|kara para|vergi kac*|an cap|trom|cuop|rua tien|lam gia|gia mao|lua dao|gian lan|tong tien"
        "|hoi lo|tron thue|bat hop phap|buon lau|thao tung|tin gia|tham nhung|bien thu|gia|pham toi|toi pham|mencuri|menipu|penipuan|pencucian uang"
        "|suap|ilegal|palsu*",
        "украсть|украд|кража|угнать|ограб|грабеж|воров|взятк|подкуп|шантаж|вымога|отмыв|отмыть"
        "|поддел|фальшив|мошен|обман|незакон|нелегал|преступ|контрабанд|уклон|дезинформ|фейк"
        "|манипул|偷|盗窃|盜竊|抢劫|搶劫|抢|扒窃|入室|洗钱|洗錢|伪造|偽造|假币|假钞|假证|造假|作假|假冒|逃税|逃稅|偷税|诈骗|詐騙|欺诈|骗|敲诈|敲詐|贿赂"
        "|賄賂|行贿|受贿|贪污|走私|非法|违法|犯罪|传销|赌博|赌|作弊|抄袭|盗版|盗用|冒充|谣言|虚假|假新闻|操纵|操控|误导|欺骗|挪用|内幕交易|侵权|偷渡|高利贷|讨债"
        "|逃避|销毁证据|毁灭证据|盗む|窃盗|強盗|万引き|空き巣|偽造|偽札|資金洗浄|マネーロンダリング|脱税|詐欺|恐喝|脅し取|賄賂|密輸|違法|不法|犯罪|不正|偽情報|騙"
        "|カンニング|盗作|横領|훔치|절도|강도|위조|돈세탁|탈세|사기|공갈|뇌물|밀수|불법|범죄|조작|허위|가짜|속이|횡령|표절|도용|سرقة|اسرق|يسرق|سطو"
        "|تزوير|مزور|غسيل الاموال|غسل الاموال|تهرب|احتيال|نصب|ابتزاز|رشوة|تهريب|غير قانوني|جريمة"
        "|جرائم|خداع|تضليل|تلاعب|चोरी|चुरा|डकैती|लूट|नकली|जाली|धोखा|ठगी|ब्लैकमेल|रिश्वत|तस्करी|अवैध"
        "|गैरकानूनी|अपराध|कर चोरी|काले धन|मनी लॉन्ड्रिंग|जालसाजी|ขโมย|ปล้น|ปลอม|ฟอกเงิน|ฉ้อโกง"
        "|หลอกลวง|สินบน|ผิดกฎหมาย|ลักลอบ",
    ),
)
"""A group for each category."""
