#include <stddef.h>

#include "cli/zh/zh.h"

/* qtoa reply and qtoa menu, and what is wrong with their files. */
const struct lang_row zh_reply[] = {
	{ "make a file of rules from the console's replies",
	    "把微信后台的自动回复导出为规则文件" },
	{ "Asks WeChat for the automatic replies that are set in its console, and "
	    "prints them as a file for .replies.  Do it before the server is switched "
	    "on: after that the console's replies are off, and WeChat may not tell them "
	    "any more.  What cannot be kept is said on stderr.  If the file is there "
	    "already, its rules for menu keys stay, and the file of before is kept as "
	    "FILE~.  The account must have .secret.",
	    "向微信查询后台设置的自动回复，输出为 .replies 所用的文件。请在启用服务器配置"
	    "之前做：启用之后后台的自动回复失效，微信可能也不再返回它们。不能保留的内容写"
	    "到标准错误。文件已存在时，其中菜单键的规则保留，原文件另存为 FILE~。公众号须"
	    "设置 .secret。" },
	{ "0 the rules are written, 1 they are not", "0 规则已写出，1 没有写出" },
	{ "write to this file; default: standard output", "写入该文件；默认：标准输出" },
	{ "upload images, voices and videos as permanent material: WeChat forgets "
	    "those of its answer after three days",
	    "把图片、语音和视频上传为永久素材：微信应答中的素材三天后失效" },
	{ "show which rule answers a message, and what",
	    "显示哪条规则回复某条消息，以及回复内容" },
	{ "Takes a text that a user could write, or the XML of a message in a file "
	    "whose name ends in .xml (- is standard input), and prints the rule and the "
	    "reply.  Nothing is sent or counted.",
	    "参数是用户可能发来的文字，或名称以 .xml 结尾的消息文件（- 为标准输入）；输出"
	    "命中的规则和回复。不发送，也不计数。" },
	{ "0 a rule answers, 1 no rule does", "0 有规则回复，1 没有规则回复" },
	{ "rules that are not those of .replies", "改用该规则文件，而不是 .replies" },
	{ "find what is wrong with files of rules", "找出规则文件中的问题" },
	{ "Reads the file of each account that has .replies, of one account, or any "
	    "file, and says what is wrong with it and what of it is not sent.",
	    "读取每个设置了 .replies 的公众号、某个公众号或任一文件的规则，指出其中的错误"
	    "和不会发送的内容。" },
	{ "0 all files can be used, 1 one cannot", "0 所有文件都可用，1 有的不可用" },
	{ "show the menu that users see", "显示用户看到的菜单" },
	{ "Shows the menu that was made by WeChat's API, with its conditional menus, "
	    "or else the one of WeChat's console, a line for each entry.",
	    "显示用接口创建的菜单及其个性化菜单；没有则显示在微信后台设置的菜单，每项一行"
	    "。" },
	{ "as a file for qtoa menu push", "输出 qtoa menu push 所用的文件" },
	{ "write the menu to a file that can be pushed", "把菜单写成可以推送的文件" },
	{ "Writes the menu of WeChat's API or console.  Entries that only the console "
	    "can make (texts, images, voices, news) become keys, and rules that answer "
	    "these keys are added to the account's file of rules.  Do it before the "
	    "server is switched on: after that the console's menu is off.",
	    "写出用接口创建的或后台设置的菜单。只有后台才能设置的菜单项（文字、图片、语音"
	    "、图文）改为点击键，回复这些键的规则加入公众号的规则文件。请在启用服务器配置"
	    "之前做：启用之后后台的菜单失效。" },
	{ "0 the menu is written, 1 it is not", "0 菜单已写出，1 没有写出" },
	{ "the file of rules; default: .replies", "规则文件；默认：.replies" },
	{ "upload images and voices as permanent material", "把图片和语音上传为永久素材" },
	{ "compare the menu with a file", "把菜单与文件相比较" },
	{ "Prints the entries that only the menu has (-), and those that only the file "
	    "has (+).",
	    "输出只有菜单中有的项（-）和只有文件中有的项（+）。" },
	{ "0 there is no difference, 1 there is one", "0 没有差别，1 有差别" },
	{ "set the menu that a file has", "按文件设置菜单" },
	{ "Checks WeChat's limits, shows the difference, asks, saves the menu of now "
	    "in settings.state_dir, and sets the new one with its conditional menus.",
	    "检查微信的限制，显示差别，询问，把当前菜单保存到 settings.state_dir，然后设"
	    "置新菜单及其个性化菜单。" },
	{ "0 the menu is that of the file, 1 it is not", "0 菜单与文件一致，1 不一致" },
	{ "delete the menu and all conditional ones", "删除菜单和所有个性化菜单" },
	{ "Asks, saves the menu of now in settings.state_dir, and deletes it.",
	    "询问，把当前菜单保存到 settings.state_dir，然后删除。" },
	{ "0 it is deleted, 1 it is not", "0 已删除，1 没有删除" },
	{ "there is no menu\n", "没有菜单\n" },
	{ "qtoa: %zu entries of the console's menu need rules that answer their keys; "
	    "name a file for them with --replies, or set .replies\n",
	    "qtoa: 后台菜单中有 %zu 项需要回复其键的规则；请用 --replies 指定规则文件，或"
	    "设置 .replies\n" },
	{ "no difference\n", "没有差别\n" },
	{ "the menu is set; users see it when they open the account again, within 5 "
	    "minutes\n",
	    "菜单已设置；用户重新进入公众号后可见，最多 5 分钟\n" },
	{ "nothing is changed\n", "没有改动\n" },
	{ "replace the menu by this one?", "用它替换菜单吗？" },
	{ "delete the menu, and all conditional ones?", "删除菜单和所有个性化菜单吗？" },
	{ "the menu is deleted\n", "菜单已删除\n" },
	{ "ok  %s: %s: %zu keyword rules, %zu menu keys, %s, %s\n",
	    "正常  %s：%s：%zu 条关键词规则，%zu 个菜单键，%s，%s\n" },
	{ "a reply to followers", "有关注回复" },
	{ "no reply to followers", "没有关注回复" },
	{ "a default reply", "有默认回复" },
	{ "no default reply", "没有默认回复" },
	{ "%s has no .replies\n", "%s 没有设置 .replies\n" },
	{ "no account has .replies\n", "没有公众号设置 .replies\n" },
	{ "no rule answers: WeChat hears success, and the user gets nothing\n",
	    "没有规则回复：微信收到 success，用户收不到内容\n" },
	{ "rule: %s, number %zu of its kind, %s%s\n%.*s\n",
	    "规则：%s，同类第 %zu 条，%s%s\n%.*s\n" },
	{ " (once an hour for a user)", "（每个用户每小时一次）" },
	{ "qtoa: %s has no .replies; name a file with --rules\n",
	    "qtoa: %s 没有设置 .replies；请用 --rules 指定文件\n" },
	{ "qtoa: WeChat says that all automatic replies are off; if the server is "
	    "switched on already, switch it off in WeChat's console, import, and switch "
	    "it on again\n",
	    "qtoa: 微信称所有自动回复均已关闭；如果服务器配置已经启用，请在微信后台停用，"
	    "导入后再启用\n" },
	{ "qtoa: the video cannot be fetched: HTTP %d %s\n", "qtoa: 无法取得视频：HTTP %d %s\n" },
	{ "wrong", "错误" },
	{ "note", "提示" },
	{ "qtoa: %s: it is not JSON: %s\n", "qtoa: %s：不是 JSON：%s\n" },
	{ "qtoa: the file of before is %s now\n", "qtoa: 原文件现为 %s\n" },
	{ "qtoa: %s is written\n", "qtoa: 已写入 %s\n" },
	{ "the %s is an address, which cannot be sent; with --media it is uploaded as "
	    "permanent material",
	    "%s是一个网址，不能发送；加 --media 则上传为永久素材" },
	{ "the media id of the %s ends in three days; with --media it is uploaded as "
	    "permanent material",
	    "%s的 media id 三天后失效；加 --media 则上传为永久素材" },
	{ "image", "图片" },
	{ "voice", "语音" },
	{ "video", "视频" },
	{ "the links of all conditional menus lead to more than %d domains (65316)",
	    "所有个性化菜单的链接超过 %d 个域名（65316）" },
	{ "it has no name", "没有名称" },
	{ "the name has %zu bytes; WeChat takes %zu at most",
	    "名称有 %zu 字节；微信最多接受 %zu 字节" },
	{ "the type \"%.*s\" is not one that WeChat's API takes",
	    "类型 \"%.*s\" 不是微信接口接受的类型" },
	{ "an entry of the type %s needs %s", "%s 类型的菜单项需要 %s" },
	{ "%s has %zu bytes; WeChat takes %zu at most", "%s 有 %zu 字节；微信最多接受 %zu 字节" },
	{ "url must begin with http:// or https://", "url 必须以 http:// 或 https:// 开头" },
	{ "there are %zu entries; WeChat takes 1 to %zu", "有 %zu 项；微信接受 1 至 %zu 项" },
	{ "there are only two levels", "菜单只有两级" },
	{ "WeChat knows no condition %.*s: it has tag_id, client_platform_type and "
	    "language",
	    "微信没有条件 %.*s：只有 tag_id、client_platform_type 和 language" },
	{ "it has no condition in matchrule (65304)", "matchrule 中没有条件（65304）" },
	{ "%s must be a text in quotes", "%s 必须是带引号的文字" },
	{ "%s must be a number without quotes", "%s 必须是不带引号的数字" },
	{ "%s must be a list, [...]", "%s 必须是列表 [...]" },
	{ "%s must be an object, {...}", "%s 必须是对象 {...}" },
	{ "a news reply has no article in news_info.list, and is not sent",
	    "图文回复的 news_info.list 中没有文章，不会发送" },
	{ "a news reply has %zu articles: WeChat shows one, and the first is sent",
	    "图文回复有 %zu 篇文章：微信只显示一篇，发送第一篇" },
	{ "a %s reply has no %s", "%s 回复缺少 %s" },
	{ "a video reply has an address instead of a media id, and is not sent; upload "
	    "the video as permanent material",
	    "视频回复是网址而不是 media id，不会发送；请把视频上传为永久素材" },
	{ "a text has %zu bytes, and is cut after %d",
	    "文字有 %zu 字节，超过 %d 字节的部分会被截去" },
	{ "a reply has no type%.*s", "回复没有 type%.*s" },
	{ "a reply has the type %.*s: write text, img, voice, video, music, news or "
	    "transfer_customer_service",
	    "回复的类型是 %.*s：请写 text、img、voice、video、music、news 或 "
	    "transfer_customer_service" },
	{ "a reply must be an object, {...}", "回复必须是对象 {...}" },
	{ "reply_mode must be reply_all or random_one",
	    "reply_mode 必须是 reply_all 或 random_one" },
	{ "it has %zu replies: WeChat takes one, and the first is sent",
	    "有 %zu 条回复：微信只接受一条，发送第一条" },
	{ "it has no reply that can be sent, and is left out", "没有可以发送的回复，已略去" },
	{ "a keyword is not a text, and is left out", "关键词不是文字，已略去" },
	{ "match_mode must be equal or contain", "match_mode 必须是 equal 或 contain" },
	{ "a keyword is empty", "关键词为空" },
	{ "a rule must be an object, {...}", "规则必须是对象 {...}" },
	{ "it has no keyword, and is left out", "没有关键词，已略去" },
	{ "key must have 1 to %d bytes, as the menu's keys",
	    "key 须为 1 至 %d 字节，与菜单的键相同" },
	{ "another rule before it has the same key", "前面已有规则使用同一个键" },
	{ "%.*s has no meaning here, and is left out", "%.*s 在这里没有含义，已略去" },
	{ "the file must be an object, {...}", "文件必须是对象 {...}" },
	{ "it is not JSON: %s", "不是 JSON：%s" },
	{ "cannot be read: %s", "无法读取：%s" },
	{ "is longer than %d bytes", "超过 %d 字节" },
	{ "%s is wrong: %s: users are answered by the last good rules, if there are any; correct "
	    "it, then run: qtoa reply check",
	    "%s 有错：%s：仍按最后一次正确的规则回复用户（如有）；请改正，然后运行：qtoa reply "
	    "check" },
	{ "%s: %s%s%s\ncorrect the file, and run: qtoa reply check",
	    "%s：%s%s%s\n请改正该文件，然后运行：qtoa reply check" },
	{ "%s: %zu keyword rules, %zu menu keys", "%s：%zu 条关键词规则，%zu 个菜单键" },
	{ "is the content of a file: write the name of the file, without @",
	    "是文件的内容：请写文件名，不加 @" },
	{ NULL, NULL }
};
