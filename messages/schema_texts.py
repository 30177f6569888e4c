"""Why a tool's JSON Schema is refused, and the same in Traditional Chinese."""

from collections.abc import Mapping
from typing import Final

SCHEMA_TEXTS: Final[Mapping[str, str]] = {
    '/{pointer}: "{keyword}" {why}': "/{pointer}：「{keyword}」{why}",
    "/: {why}": "/：{why}",  # the whole schema; a pointer as a blank would fit a file's path too
    "/{pointer}: must be a schema, that is an object": "/{pointer}：應為結構，也就是一個物件",
    "over {most} tools": "工具超過 {most} 個",
    "the schema is not JSON: {why}": "結構不是 JSON：{why}",
    "the schema is too complex to follow: {why}": "結構過於複雜，無法遵循：{why}",
    "nests over {most} levels": "巢狀超過 {most} 層",
    "has over {most} values": "超過 {most} 個值",
    "has over {most} characters of text": "文字超過 {most} 個字元",
    "stands over {most} times in the tools": "在各工具中出現超過 {most} 次",
    "asks for over {most} remainders in all": "合計需要超過 {most} 個餘數",
    "takes too long to compile": "編譯時間過長",
    "would take too long to compile": "編譯時間會過長",
    "would take over {most} ms to compile: {why}": "編譯會超過 {most} 毫秒：{why}",
    "fewer different bounds, formats, patterns and counts of items take less": (
        "減少不同的上下限、format、pattern 與項目數量可縮短時間"
    ),
    "must stand alone": "必須單獨使用",
    "stands beside a pattern: list the values that fit it": "與 pattern 並用：請只列出符合的值",
    "combines several choices, which multiply": "結合了多組選項，組合數會相乘",
    "must be a text of 1 to {most} characters": "應為 1 到 {most} 個字元的文字",
    "has a look-around, which no grammar can keep": "含有環視（look-around），文法無法保證",
    "has a back-reference, which no grammar can keep": "含有反向參照，文法無法保證",
    "is longer than {most} characters": "超過 {most} 個字元",
    "cannot be kept: {why}": "無法保證：{why}",
    "nests over {most} groups": "群組巢狀超過 {most} 層",
    "unrolls to over {most} steps": "展開後超過 {most} 步",
    'must be "object": the arguments of a tool are an object': (
        "應為 object：工具的參數是一個物件"
    ),
    "must be a schema, that is an object": "應為結構，也就是一個物件",
    "is not supported here": "在此不支援",
    "must be one or some of {types}": "應為下列之一或數個：{types}",
    "must be one of {formats}": "應為下列之一：{formats}",
    "must list 1 to {most} values": "應列出 1 到 {most} 個值",
    "must list 1 to {most} schemas": "應列出 1 到 {most} 個結構",
    "holds a value that JSON cannot carry": "含有 JSON 無法表示的值",
    "holds more than {most} characters": "超過 {most} 個字元",
    "holds a lone surrogate": "含有落單的代理碼位",
    "must be an object of schemas": "應為由結構組成的物件",
    "has over {most} entries": "超過 {most} 個項目",
    "must be a list of names": "應為名稱的列表",
    "must be a whole number from 0 to {most}": "應為 0 到 {most} 的整數",
    "must be a number": "應為數字",
    "must be above {least} and at most {most}": "應大於 {least} 且不超過 {most}",
    "must be a regular expression": "應為正規表示式",
    'must be "#" or point to an entry of the root\'s $defs': ('應為 "#" 或指向根層 $defs 中的項目'),
    "names {name}, not a property": "列出了 {name}，但它不是屬性",
    "{reference} leads to itself": "{reference} 指回自己",
    "has branches that may overlap: use anyOf": "分支可能重疊：請改用 anyOf",
}
