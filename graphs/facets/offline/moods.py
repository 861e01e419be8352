"""English words that are felt, of our own choosing: a small list of strong and common ones."""

STRONG_POSITIVE = frozenset(
    """
    admirable amazing awesome beautiful best breakthrough brilliant celebrate celebrated delight delighted delightful
    excellent exceptional extraordinary fantastic flawless flourish flourished glorious grateful great happiest joy
    joyful love loved loves magnificent marvellous marvelous masterpiece outstanding perfect perfectly remarkable
    splendid stunning superb superior terrific thrilled thrilling triumph triumphant victory wonderful
    """.split()
)
POSITIVE = frozenset(
    """
    accomplish accomplished achieve achieved achievement advance advantage advantageous affordable agree agreed amicable
    appealing appreciate appreciated attractive award awarded balanced benefit beneficial benefits better bless blessed
    bright calm capable care careful charming cheer cheerful clean clear clever comfort comfortable commend commended
    compassion confident congratulate convenient courage courageous creative cure cured dependable durable eager ease
    easier easily easy effective efficient elegant encourage encouraged encouraging energetic enjoy enjoyable enjoyed
    enrich enthusiasm enthusiastic fair faithful famous favorable favourable favorite favourite fine free freedom
    fresh friend friendly fun gain gained gains generous gentle gift glad gold good gorgeous graceful growth happily
    happiness happy harmony healthy helpful hero heroic honest honor honour honored hope hopeful humane ideal impress
    impressed impressive improve improved improvement improvements improves improving innovative inspire inspired
    inspiring intelligent interesting kind kindness laugh laughed lively lucky merit merry modern neat nice noble
    optimism optimistic peace peaceful pleasant please pleased pleasure popular praise praised precious pretty pride
    productive profit profitable progress promise promising prosper prosperity prosperous protect proud prudent
    recommend recommended recover recovered recovery refresh refreshing reliable relief relieved reward rewarding rich
    right robust safe safely safety satisfied satisfy satisfying secure sincere skilled skillful smile smiled smooth
    solid solution solved spacious stable strength strengthen strong succeed succeeded success successes successful
    successfully support supported supportive sweet talented thank thanks thrive thriving tidy trust trusted
    trustworthy useful valuable virtue warm warmly welcome welcomed well win wins wise won worth worthy
    """.split()
)
NEGATIVE = frozenset(
    """
    abandon abandoned abuse accident accuse accused afraid aggressive alarm alarming alone anger angry annoy annoyed
    annoying anxiety anxious argue arrest arrested ashamed attack attacked awkward bad badly ban bankrupt bankruptcy
    bitter blame blamed bleak block boring bother breach break broke broken burden careless chaos cheat cheated
    clumsy cold collapse collapsed complain complained complaint complaints complicated concern concerned concerns
    condemn condemned conflict confuse confused confusing confusion corrupt corruption costly crash crashed crime
    criminal crisis critical criticism criticized criticised cry cried damage damaged damages danger dangerous dark
    dead deadly death debt decay deceive decline declined defeat defeated defect defective deficit delay delayed deny
    denied deprive desperate despair destroy destroyed destruction deteriorate difficult difficulty dirty disadvantage
    disagree disappoint disappointed disappointing disappointment discourage disease dislike disliked dispute disrupt
    dissatisfied distress disturb disturbing doubt doubtful drop dull dying emergency enemy error errors evil expensive
    fail failed failing fails failure failures fake false fault faulty fear feared fearful fight flaw flawed flood
    forced fraud fraudulent frightened frustrate frustrated frustrating frustration gloomy grave greed greedy grief
    guilty hard hardship harm harmed harmful harsh hate hated hatred heavy hopeless hostile hurt hurts ignorant ignore
    ignored ill illegal illness impossible inadequate incorrect inefficient inferior injured injury injustice insecure
    insult insulted irritating jealous kill killed lack lacked lacking lacks lazy lie lied lies lonely lose loses losing
    loss losses lost mad mess messy misery misleading miss missed missing mistake mistakes mistrust nasty neglect
    neglected negligent nervous noisy obstacle offend offensive oppose opposed pain painful panic penalty pessimistic
    pity poison pollution poor poorly poverty problem problems protest punish punished regret regretted reject rejected
    resent resign risk risks risky rude ruin ruined sad sadly sadness scandal scare scared selfish severe shame shock
    shocked shocking sick sink slow sorrow sorry steal stole stolen storm stress stressful struggle struggled stupid
    suffer suffered suffering suspicious tension threat threaten threatened threatening tired toxic tragic trouble
    troubled ugly unable uncertain uncomfortable unclear unfair unfortunate unfortunately unhappy unhealthy unjust
    unpleasant unreliable unsafe unstable upset useless victim violence violent vulnerable war warn warned warning
    waste wasted weak weakness worried worry worrying worse worsen worthless wound wounded wrong
    """.split()
)
STRONG_NEGATIVE = frozenset(
    """
    abhorrent abysmal agony appalling atrocious atrocity awful brutal catastrophe catastrophic cruel cruelty despicable
    devastate devastated devastating devastation disaster disastrous disgraceful disgust disgusted disgusting dreadful
    genocide ghastly hell hideous horrible horrified horror horrors massacre miserable murder murdered nightmare
    outrage outrageous pathetic rape terrible terribly terrified terrifying terror terrorist torture tortured tragedy
    unacceptable unbearable vicious worst
    """.split()
)
DOUBTFUL = frozenset(
    """
    achieve achieved advance advantage agree agreed award awarded balanced benefit beneficial benefits care clear
    effective efficient fair fine free freedom gain gained gains gift gold growth honor honour improve improved
    improvement improvements improves improving interesting kind merit modern outstanding popular productive profit
    profitable progress promise protect recommend recommended recover recovered recovery relief reward right safe safely
    safety secure solid solution solved stable strength strengthen strong success support supported supportive thank
    thanks trust trusted useful valuable welcome welcomed well win worth
    accident accuse accused alarm argue arrest arrested attack attacked ban bankrupt bankruptcy block breach burden cold
    complaint complaints complicated concern concerned concerns conflict costly crime criminal crisis critical damage
    damaged damages danger dark dead death debt decay decline declined defect defective deficit delay delayed deny
    denied difficult difficulty disease dispute doubt drop emergency error errors expensive failure failures fight
    flood forced fraud grave hard harm heavy ill illegal illness impossible inadequate injured injury lack lacked lacks
    lie lies lose loses losing loss losses lost miss missed missing oppose opposed penalty poison pollution poor poverty
    problem problems reject rejected resign risk risks severe sick sink slow storm stress tension unable uncertain
    unclear victim violence vulnerable war warn warned warning waste weak
    """.split()
)
"""Words of the lists above that also name a plain matter, as in reports: benefits are paid, a risk is assessed."""

NEGATIONS = frozenset(
    """
    no not never none nobody nothing neither nor cannot can't won't don't doesn't didn't isn't aren't wasn't weren't
    wouldn't shouldn't couldn't hasn't haven't hadn't without hardly scarcely barely
    """.split()
)
INTENSIFIERS = frozenset(
    "very extremely really truly absolutely completely totally utterly highly deeply incredibly so most".split()
)
WEAKENERS = frozenset("slightly somewhat rather fairly partly barely marginally".split())
