"""Does a cell look like a person's name? Frequent given names and Chinese surnames; honest only over a whole column."""

from __future__ import annotations

import re

GIVEN_NAMES = frozenset("""
aaron adam adrian agnes aisha alan albert alejandro alex alexander alexandra alfred ali alice alison amanda amelia amir amy ana
andrea andreas andrew angela anita ann anna anne annie anthony antonio arthur ashley audrey barbara beatrice ben benjamin bernard
beth betty bill bob brandon brenda brian bruce camille carl carla carlos carmen carol caroline catherine charles charlotte chen
chloe chris christian christina christine christopher claire clara claudia colin craig cynthia dan daniel daniela danielle dave
david dean deborah denise dennis derek diana diane diego dmitri donald donna dorothy douglas dylan edith eduardo edward elena eli
elias elizabeth ella ellen emily emma eric erik ernest esther ethan eugene eva evan evelyn fatima felix fernando fiona florence
frances francesca francis francisco frank fred frederick gabriel gareth gary george georgia gerald gerard giovanni giulia gloria
grace graham greg gregory hannah hans harold harriet harry hassan heather helen helena henry howard hugh hugo ian ibrahim ines
ingrid irene isaac isabel isabella ivan jack jacob jacqueline jake james jamie jan jane janet janice jason javier jean jeff
jeffrey jennifer jenny jeremy jerry jesse jessica jill jim joan joanna joe joel john jonathan jorge jose joseph josh joshua joyce
juan judith judy julia julian julie jun justin karen karin karl kate katherine kathleen kathryn katie keith kelly ken kenneth
kevin kim klaus kyle lars laura lauren laurence lawrence lea leah lee lei leo leon leonard li liam lily linda lisa liu logan
louis louise luca lucas lucia lucy luis luke lynn madison manuel marc marco marcus margaret maria marie marina mario mark marta
martha martin mary mason mateo matt matthew maurice max megan mei melanie melissa mia michael michelle miguel mike mila ming
mohamed mohammed molly monica muhammad nancy naomi natalia natalie natasha nathan neil nicholas nick nicola nicole nina noah nora
norman oliver olivia omar oscar otto owen pablo pamela patricia patrick paul paula pauline pedro peter phil philip philippe
pierre priya rachel rafael ralph raymond rebecca ricardo richard rita rob robert roberto robin roger roland rolf ron ronald rosa
rose ross roy russell ruth ryan sally sam samantha samuel sandra sara sarah scott sean sebastian sergei sergio sharon sheila
shirley simon simone sofia sonia sophia sophie stefan stella stephanie stephen steve steven stuart sue susan suzanne sven sylvia
tara teresa terry theo theresa thomas tim timothy tina todd tom tony tracy ursula valerie vanessa vera veronica victor victoria
vincent virginia walter wang wayne wei wendy wilhelm will william xavier xiao yan yang yasmin ying yolanda yu yuki yusuf yvonne
zachary zhang zoe
""".split())  # noqa: SIM905 - a list of 340 quoted words reads worse
SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金"
    "韦贾夏付方邹熊白孟秦邱侯江尹薛闫雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严欧莫孔向常汤康易乔赖文施洪辛柯庄")
DOUBLE_SURNAMES = ("欧阳", "司马", "上官", "诸葛", "夏侯", "皇甫", "尉迟", "公孙", "慕容", "司徒")
_CHINESE = re.compile("[\u4e00-\u9fff]{2,4}")
_LATIN = re.compile(r"[^\W\d_][\w'’-]*\.?(?: [^\W\d_][\w'’.-]*){1,3}")


def is_full_name(text: str) -> bool:
    """'Li Lei', 'Anna B. Smith', 'SMITH, ANNA' or '欧阳娜娜'; a rare given name is missed."""
    if _CHINESE.fullmatch(text):
        return text.startswith(DOUBLE_SURNAMES) or (text[0] in SURNAMES and len(text) <= 3)
    last, comma, first = text.partition(", ")
    text = f"{first} {last}" if comma else text
    return bool(_LATIN.fullmatch(text)) and text.split(" ")[0].lower() in GIVEN_NAMES


def is_given_name(text: str) -> bool:
    """A frequent given name, alone."""
    return text.lower() in GIVEN_NAMES
