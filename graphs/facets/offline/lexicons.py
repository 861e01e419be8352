"""Small word lists of our own: what never is a term, what tells what a name is, what is felt."""

KOREAN_STOP_WORDS = frozenset(
    """
    것 수 등 및 때 중 더 각 그 이 저 또 또는 그리고 그러나 그런데 하지만 그래서 따라서 다만 우리 저희 너희 자신 모든
    모두 다른 어떤 여러 매우 아주 가장 이미 아직 다시 지금 오늘날 이후 이전 이상 이하 이내 동안 경우 때문 정도 사이
    가운데 대부분 일부 자체 관련 대하여 관하여 의하여 위하여 인하여 통하여 대해 위해 의해 통해 따라 함께 그것 이것
    저것 여기 거기 저기 무엇 누구 언제 어디 어떻게 하나 둘 셋 첫 두 세 네 번째 개 명 년 월 일 시 분 초 원 제 항 호 조
    목 바 자 기타 즉시 누구든지 모두가 당시 이번 지난 올해 작년 내년 오늘 어제 내일 특히 또한 물론 역시 만약 만일 비록
    결국 오히려 이러한 그러한 이런 그런 저런 이와 그와 같은 있는 없는 하는 되는 있다 없다 하다 되다 아니하다 아니한다
    있으며 있으나 하여야 아니 거나 혹은 라고 위하 대한 관한 의한 필요한 정하는 바에 정한 외에 외의 내의 말이 말은 그들
    그녀 나는 내가 너는 네가 우리는 우리가 여러분 뿐만 만큼 대로 채 듯 사람들 이를 이내 최초 삶의 이에 그에 이는 그는
    갑 을 이로 하여금 더욱 빨리 많이 점점 바로 계속 서로 스스로 거의
    """.split()
)
HAN_PARTICLES = frozenset(
    "的了在是和与與及或而之于於为為以从從到被把将將也都就又还還这這那其但若则則所等们們着著该該此"
)
"""Characters that begin or end a Chinese word only where a run of characters is cut in the wrong place."""
HAN_NUMERALS = frozenset("〇零一二三四五六七八九十百千万萬亿億兆年月日")
WEAK_WORDS = frozenset(
    """
    able actual add added allow allowed almost also another apply ask asked available back bad based became become
    becomes began begin begun best better big bring brought call called came cannot case cases certain change changed
    close come comes common complete consider considered contain contains could current currently day days describe
    described different difficult do done due early easy end ended entire especially et example examples expect fact
    far feel felt few final find first five follow followed following form found four full further gave general get
    give given gives go going gone good got great had half hand happen hard having help here high higher hold however
    i.e e.g important include included includes including increase instead involve keep kept kind kinds knew know
    known large larger largest last late later lead least leave led left level like likely line little long longer
    look looked lot low lower made main major make makes making manner matter mean means meet mere moment month months
    mostly move much must need needed needs new next nine number numbers obtain occur offer often old one ones open
    order original own part particular parts past people place point points possible potential present previous
    primary probable provide provided provides put quite range rather reach ready real recent regard relative remain
    result results right rise run said same saw say says second see seem seemed seems seen send sense series serve set
    seven several show showed shown shows similar simple simply since single six small smaller something soon sort
    specific start started state stated still stop subject such suggest sure take taken takes ten tell ten term terms
    than thing things think third thought thousand three throughout thus time times today together told took top total
    toward true try turn turned two type types understand upon use used useful uses using usual value various very
    want wanted was way ways week weeks well went whole wide will within without word words work worked would write
    written wrote year years yet zero hundred million billion etc vs per via nothing something anything everything
    thought http https www html org com doi ago ahead always around aside away forward never okay thank thanks yeah yes
    """.split()
)
"""English words that do not begin or end a term."""

MONTHS = (
    "January|February|March|April|May|June|July|August|September|October|November|December"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
)
WEEKDAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())

TITLES = frozenset(
    """
    mr mrs ms miss dr prof professor president senator representative judge justice captain lieutenant colonel general
    major sergeant admiral king queen prince princess sir lady lord pope father sister secretary minister chancellor
    governor mayor chairman chairwoman director inspector detective
    """.split()
)
ORGANISATIONS = frozenset(
    """
    inc corp corporation ltd llc gmbh plc company co group holdings bank university college institute academy school
    committee commission council court courts ministry department agency bureau office authority administration senate
    congress parliament assembly house association society federation union league foundation trust party service
    services hospital museum library press laboratory laboratories observatory institution board
    """.split()
)
PLACES = frozenset(
    """
    city county river mountain mountains lake island islands bay valley street avenue road province district peninsula
    sea ocean desert harbour harbor port square park bridge airport station coast republic kingdom
    """.split()
)
GAZETTEER = frozenset(
    name.replace("_", " ")
    for name in """
    Afghanistan Africa Alabama Alaska Albania Algeria America Amsterdam Antarctica Argentina Arizona Arkansas Armenia
    Asia Athens Atlanta Australia Austria Azerbaijan Baghdad Bangkok Bangladesh Barcelona Beijing Belarus Belgium
    Berlin Bolivia Boston Brazil Britain Brussels Budapest Buenos_Aires Bulgaria Busan Cairo California Cambodia
    Cameroon Canada Chicago Chile China Colombia Colorado Connecticut Copenhagen Croatia Cuba Cyprus Dallas Delaware
    Delhi Denmark Detroit Dubai Dublin Ecuador Edinburgh Egypt England Estonia Ethiopia Europe Finland Florida France
    Frankfurt Geneva Georgia Germany Ghana Gwangju Greece Hamburg Hanoi Hawaii Helsinki Hiroshima Hong_Kong Houston
    Hungary Iceland Idaho Illinois Incheon India Indiana Indonesia Iowa Iran Iraq Ireland Israel Istanbul Italy
    Jakarta Jamaica Japan Jeju Jerusalem Jordan Kansas Kazakhstan Kentucky Kenya Kiev Korea Kuwait Kyiv Kyoto Lagos
    Laos Latvia Lebanon Libya Lisbon Lithuania London Los_Angeles Louisiana Luxembourg Madrid Maine Malaysia Malta
    Manchester Manila Maryland Massachusetts Melbourne Mexico Miami Michigan Milan Minnesota Mississippi Missouri
    Mongolia Montana Montreal Morocco Moscow Mumbai Munich Myanmar Nebraska Nepal Netherlands Nevada New_Hampshire
    New_Jersey New_Mexico New_York New_Zealand Nigeria North_Carolina North_Dakota North_Korea Norway Oakland Ohio
    Oklahoma Oregon Osaka Oslo Ottawa Pakistan Panama Paraguay Paris Pennsylvania Peru Philadelphia Philippines Poland
    Portugal Prague Qatar Rhode_Island Romania Rome Russia San_Francisco Saudi_Arabia Scotland Seattle Seoul Serbia
    Shanghai Singapore Slovakia Slovenia South_Africa South_Carolina South_Dakota South_Korea Spain Stockholm Sudan
    Sweden Switzerland Sydney Syria Taiwan Tehran Tennessee Texas Thailand Tokyo Toronto Tunisia Turkey Uganda Ukraine
    United_Kingdom United_States United_States_of_America Uruguay Utah Vancouver Venezuela Vermont Vienna Vietnam
    Virginia Wales Warsaw Washington West_Virginia Wisconsin Wyoming Yemen Zurich U.S. US USA U.K. UK
    """.split()
)
KOREAN_PLACES = (
    "서울|부산|대구|인천|광주|대전|울산|강원|충북|충남|전북|전남|경북|경남|제주|충청북|충청남|전라북|전라남"
    "|경상북|경상남|성남|안양|안산|용인|부천|평택|춘천|원주|강릉|속초|청주|충주|천안|전주|군산|익산|목포|여수"
    "|순천|포항|경주|안동|창원|진주|김해|평양|개성|독도|한반도|대한민국|한국|조선|북한|남한|미국|중국|일본|영국"
    "|프랑스|독일|러시아|이탈리아|스페인|캐나다|호주|베트남|태국|필리핀|인도네시아|말레이시아|싱가포르|대만|홍콩"
    "|몽골|브라질|멕시코|터키|이라크|이스라엘|우크라이나|유럽|아시아|아프리카|아메리카|베이징|상하이|도쿄|오사카"
    "|뉴욕|워싱턴|런던|파리|베를린|모스크바"
)
KOREAN_ORGANISATIONS = (
    "위원회|대법원|법원|재판소|대학교|연구원|연구소|협회|공사|재단|은행|학회|박물관|미술관|도서관|신문사|방송국"
    "|교육청|경찰청|검찰청|국세청|협의회|회의소"
)
KOREAN_TITLES = (
    "대통령|총리|장관|차관|의원|교수|박사|대표|회장|사장|기자|판사|검사|변호사|작가|감독|선수|시장|지사|총장|소장"
    "|원장|위원장|본부장|실장|부장|차장|팀장|과장|대리|주임|사원|전무|상무|부사장|부회장|대표이사|씨|님"
)
KOREAN_COMPANIES = "주식회사|유한회사|㈜|\\(주\\)|\\(유\\)"  # before or behind a company's name, as patterns
KOREAN_PARTICLES = "은|는|이|가|을|를|의|에|에게|에서|과|와|도|로|으로|이다|이며|이고|까지|부터"  # behind a name
KOREAN_SURNAMES = "김이박최정강조윤장임한오서신권황안송류유홍전고문양손배백허남심노하곽성차주우구민진나엄채원천방공"
