"""Texts made to run as code where a page is careless: well-known ones, ours, and both in disguise."""

from __future__ import annotations

RUN = "window.__pwned=1"
TAGS = [
    f"<script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<svg/onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<svg><a xlink:href='javascript:{RUN}'><text x=9 y=9>x</text></a></svg>",
    f"<body onload={RUN}>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'>",
    f"<iframe src='javascript:parent.{RUN}'>",
    f"<math><mtext></p><mglyph><style><img src=x onerror={RUN}>",
    f"<math href='javascript:{RUN}'>x</math>",
    f"<details open ontoggle={RUN}>",
    f"<input autofocus onfocus={RUN}>",
    f"<select autofocus onfocus={RUN}>",
    f"<video><source onerror={RUN}>",
    f"<audio src=x onerror={RUN}>",
    f"<object data='javascript:{RUN}'>",
    f"<embed src='javascript:{RUN}'>",
    f"<a href='javascript:{RUN}'>x</a>",
    f"<form action='javascript:{RUN}'><button>x</button></form>",
    f"<button formaction='javascript:{RUN}'>x</button>",
    f"<meta http-equiv=refresh content='0;url=javascript:{RUN}'>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:1/'>",
    "<base href='http://127.0.0.1:1/'>",
    "<link rel=stylesheet href='http://127.0.0.1:1/x.css'>",
    "<style>@import 'http://127.0.0.1:1/x.css'; * { display: none }</style>",
    "<img src='http://127.0.0.1:1/x.png'>",
    f"<template><script>{RUN}</script></template>",
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'>",
    f"<xmp><p title='</xmp><img src=x onerror={RUN}>'>",
    f"<marquee onstart={RUN}>",
    f"<isindex action=javascript:{RUN} type=image>",
    f"<keygen autofocus onfocus={RUN}>",
    f"<dialog open onclose={RUN}><form method=dialog><button>x</button></form></dialog>",
    f"<div onpointerover={RUN} style='position:fixed;inset:0'>x</div>",
    f"<x contenteditable onblur={RUN}>x</x>",
    f"<table background='javascript:{RUN}'>",
    f"<div style='background:url(javascript:{RUN})'>",
    f'<div style="width: expression({RUN})">',
    f"<portal src='javascript:{RUN}'>",
]
ENDS = ["", "</script>", "</style></title>", "</textarea>", "-->", "]]>", "'\">", '"/>', "*/"]
BARE = [
    f"</script><script>{RUN}</script>",
    f"<!--<script>{RUN}</script>-->",
    "<!--<script>",
    f"javascript:{RUN}",
    f"JaVaScRiPt:{RUN}",
    f"java\tscript:{RUN}",
    f"\x01javascript:{RUN}",
    f"data:text/html,<script>{RUN}</script>",
    f"{{{{constructor.constructor('{RUN}')()}}}}",
    f"{{% raw %}}{{{{ {RUN} }}}}{{% endraw %}}",
    f"${{{RUN}}}",
    f"`${{{RUN}}}`",
    f"';{RUN};//",
    f'";{RUN};//',
    f"\\';{RUN};//",
    f"+ADw-script+AD4-{RUN}+ADw-/script+AD4-",
    f"\ufeff+ADw-script+AD4-{RUN}",
    f"\u2028{RUN}\u2029",
    "\u202etxt.exe\u202c",
    "\u2066\u202e<b>\u2069",
    "\x00<b>\x1b[31m",
    f"<scr\x00ipt>{RUN}</script>",
    "\ud800<b>",
    "\udfff\ud800",
    "\ud83d\ude00<b>",  # two halves, and not the character
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
    f"&#60;script&#62;{RUN}",
    f"%3Cscript%3E{RUN}%3C/script%3E",
    f"\\u003cscript\\u003e{RUN}",
    f"\uff1cscript\uff1e{RUN}\uff1c/script\uff1e",
    f"<\u017fcript>{RUN}</\u017fcript>",
    f"__proto__[onerror]={RUN}",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    f"#step-0' onclick='{RUN}",
    f"x' id='index' onclick='{RUN}",
    f"</li></ol></nav><script>{RUN}</script>",
    "'\"><b>\"'",
    "\r\n\r\n<b>header</b>",
]
PAYLOADS = list(
    dict.fromkeys(BARE + [end + tag for n, tag in enumerate(TAGS) for end in (ENDS if n < 15 else ENDS[:3])])
)


def wire(text):
    """`text` as it may stand in a header: latin-1 without line breaks."""
    return text.replace("\r", " ").replace("\n", " ").encode("latin-1", "replace").decode("latin-1")


def url(text):
    """`text` within an URL as some clients let it through."""
    return text.replace("\r", "").replace("\n", "").replace(" ", "%20")
