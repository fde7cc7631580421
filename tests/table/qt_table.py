"""QT's table of events ("Official account tracking", section 2) as printed there: event
code, then attribute key and type in the table's order.  Beside each key the element of
WeChat's XML that feeds it; [] marks the one that repeats.  Transcribed by hand from the
two documentations, not from the program."""

MENU_CLICK = """
MsgType           string  MsgType
Event             string  Event
EventKey          string  EventKey
MenuID            string  MenuId
ScanCodeInfo      string  -
ScanType          string  ScanCodeInfo/ScanType
ScanResult        string  ScanCodeInfo/ScanResult
SendPicsInfo      string  -
Count             number  SendPicsInfo/Count
SendLocationInfo  string  -
Location_X        string  SendLocationInfo/Location_X
Location_Y        string  SendLocationInfo/Location_Y
Scale             number  SendLocationInfo/Scale
Label             string  SendLocationInfo/Label
Poiname           string  SendLocationInfo/Poiname
"""

FOLLOW = """
is_scan           string  -
EventKey          string  EventKey
Event             string  Event
Ticket            string  Ticket
"""

UNFOLLOW = """
MsgType           string  MsgType
Event             string  Event
"""

SCAN = """
MsgType           string  MsgType
Event             string  Event
EventKey          string  EventKey
Ticket            string  Ticket
"""

LOCATION = """
Event             string  Event
Latitude          number  Latitude
Longitude         number  Longitude
Precision         number  Precision
"""

SENT = """
TemplateId        string  SubscribeMsgSentEvent/List[]/TemplateId
MsgID             string  SubscribeMsgSentEvent/List[]/MsgID
ErrorCode         string  SubscribeMsgSentEvent/List[]/ErrorCode
ErrorStatus       string  SubscribeMsgSentEvent/List[]/ErrorStatus
"""

POPUP = """
TemplateId             string  SubscribeMsgPopupEvent/List[]/TemplateId
SubscribeStatusString  string  SubscribeMsgPopupEvent/List[]/SubscribeStatusString
PopupScene             string  SubscribeMsgPopupEvent/List[]/PopupScene
"""

CHANGE = """
TemplateId             string  SubscribeMsgChangeEvent/List[]/TemplateId
SubscribeStatusString  string  SubscribeMsgChangeEvent/List[]/SubscribeStatusString
"""

TEMPLATE = """
MsgType           string  MsgType
Event             string  Event
MsgID             string  MsgID
Status            string  Status
"""

MASS = """
MsgType                string  MsgType
Event                  string  Event
MsgID                  string  MsgID
Status                 string  Status
TotalCount             number  TotalCount
FilterCount            number  FilterCount
SentCount              number  SentCount
ErrorCount             number  ErrorCount
ArticleIdx             string  CopyrightCheckResult/ResultList/item[]/ArticleIdx
UserDeclareState       string  CopyrightCheckResult/ResultList/item[]/UserDeclareState
AuditState             string  CopyrightCheckResult/ResultList/item[]/AuditState
OriginalArticleUrl     string  CopyrightCheckResult/ResultList/item[]/OriginalArticleUrl
OriginalArticleType    string  CopyrightCheckResult/ResultList/item[]/OriginalArticleType
CanReprint             string  CopyrightCheckResult/ResultList/item[]/CanReprint
NeedReplaceContent     string  CopyrightCheckResult/ResultList/item[]/NeedReplaceContent
NeedShowReprintSource  string  CopyrightCheckResult/ResultList/item[]/NeedShowReprintSource
CheckState             string  CopyrightCheckResult/CheckState
ArticleUrl             string  ArticleUrlResult/ResultList/item[]/ArticleUrl
"""

PUBLISH = """
publish_id        string  PublishEventInfo/publish_id
publish_status    string  PublishEventInfo/publish_status
article_id        string  PublishEventInfo/article_id
count             number  PublishEventInfo/article_detail/count
idx               string  PublishEventInfo/article_detail/item[]/idx
article_URL       string  PublishEventInfo/article_detail/item[]/article_url
fail_idx          string  PublishEventInfo/fail_idx[]
"""

RECEIVE = """
MsgType           string  MsgType
Content           string  Content
MsgId             string  MsgId
MsgDataId         string  MsgDataId
Idx               string  Idx
PicUrl            string  PicUrl
MediaId           string  MediaId
Format            string  Format
Recognition       string  Recognition
ThumbMediaId      string  ThumbMediaId
Location_X        number  Location_X
Location_Y        number  Location_Y
Scale             number  Scale
Label             string  Label
Title             string  Title
Description       string  Description
Url               string  Url
"""

# Event code: WeChat's types (Event, or MsgType of a message), and the keys.
TABLE = {
    "$$_menu_click": (
        ["CLICK", "VIEW", "view_miniprogram", "scancode_push", "scancode_waitmsg",
         "pic_sysphoto", "pic_photo_or_album", "pic_weixin", "location_select"], MENU_CLICK),
    "$$_official_account_follow": (["subscribe"], FOLLOW),
    "$$_official_account_unfollow": (["unsubscribe"], UNFOLLOW),
    "$$_scan_open_official_account": (["SCAN"], SCAN),
    "$$_send_localtion": (["LOCATION"], LOCATION),
    "$$_send_msg_popup": (["subscribe_msg_sent_event"], SENT),
    "$$_click_msg_popup": (["subscribe_msg_popup_event"], POPUP),
    "$$_manager_msg_popup": (["subscribe_msg_change_event"], CHANGE),
    "$$_template_send_finish": (["TEMPLATESENDJOBFINISH"], TEMPLATE),
    "$$_mass_send_finish": (["MASSSENDJOBFINISH"], MASS),
    "$$_publish_job_finish": (["PUBLISHJOBFINISH", "FREEPUBLISHJOBFINISH"], PUBLISH),
    "$$_receive_msg": (
        ["text", "image", "voice", "video", "shortvideo", "location", "link"], RECEIVE),
}

# The same key under WeChat's other spelling.
ALIASES = {
    "$$_menu_click": {"MenuId": "MenuID"},
    "$$_template_send_finish": {"MsgID": "MsgId"},
    "$$_mass_send_finish": {"MsgID": "MsgId"},
    "$$_receive_msg": {"MsgId": "MsgID"},
}


def rows(code):
    """(key, type, path or None) in the table's order."""
    lines = (line.split() for line in TABLE[code][1].strip().splitlines())
    return [(key, kind, None if path == "-" else path) for key, kind, path in lines]


def is_message(code):
    return code == "$$_receive_msg"
