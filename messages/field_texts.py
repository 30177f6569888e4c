"""What is said of a field, or of JSON, and the same in Traditional Chinese.

The English is pydantic's and the standard library's, or our own in their manner. A name in braces
stands for any text.
"""

from collections.abc import Mapping
from typing import Final

FIELD_TEXTS: Final[Mapping[str, str]] = {
    "Field required": "此欄位為必填",
    "is required": "此欄位為必填",
    "Extra inputs are not permitted": "不允許此欄位",
    "Input should be {values}": "應為 {values}",
    "Input should be {values} or {last}": "應為 {values} 或 {last}",
    "Input should be a valid string": "應為字串",
    "Input should be a valid boolean": "應為布林值",
    "Input should be a valid boolean, {why}": "應為布林值",
    "Input should be a valid integer": "應為整數",
    "Input should be a valid integer, {why}": "應為整數",
    "Input should be a valid number": "應為數字",
    "Input should be a valid number, {why}": "應為數字",
    "Input should be a finite number": "應為有限的數字",
    "Input is not a valid path for {kind}": "應為路徑",
    "Input should be a valid list": "應為陣列",
    "Input should be a valid array": "應為陣列",
    "Input should be a valid dictionary": "應為物件",
    "Input should be an object": "應為物件",
    "Input should be a valid dictionary or {other}": "應為物件",
    "Input should be a valid datetime": "應為日期時間",
    "Input should be a valid datetime, {why}": "應為日期時間",
    "Input should be a valid datetime or date, {why}": "應為日期時間",
    "Input should have timezone info": "應含時區",
    "Input should be greater than {least}": "應大於 {least}",
    "Input should be greater than or equal to {least}": "應大於或等於 {least}",
    "Input should be less than {most}": "應小於 {most}",
    "Input should be less than or equal to {most}": "應小於或等於 {most}",
    "String should match pattern '{pattern}'": "應符合格式「{pattern}」",
    "String should have at least {least} character": "至少應有 {least} 個字元",
    "String should have at least {least} characters": "至少應有 {least} 個字元",
    "String should have at most {most} character": "最多 {most} 個字元",
    "String should have at most {most} characters": "最多 {most} 個字元",
    "List should have at least {least} item after validation, not {found}": (
        "至少應有 {least} 個項目，收到 {found} 個"
    ),
    "List should have at least {least} items after validation, not {found}": (
        "至少應有 {least} 個項目，收到 {found} 個"
    ),
    "List should have at most {most} item after validation, not {found}": (
        "最多 {most} 個項目，收到 {found} 個"
    ),
    "List should have at most {most} items after validation, not {found}": (
        "最多 {most} 個項目，收到 {found} 個"
    ),
    "must be at most {limit} on this node": "在此節點上最多為 {limit}",
    "must be from {least} to {most}": "應介於 {least} 到 {most}",
    "must have at most {most} characters": "最多 {most} 個字元",
    "must have at most {most} characters in all": "合計最多 {most} 個字元",
    "must be an object, or a string that holds its JSON": "應為物件，或內含其 JSON 的字串",
    "must not be empty": "不可為空",
    "is required where there are no tool_calls": "沒有 tool_calls 時，此欄位為必填",
    "must not contain control characters or lone surrogates": "不可含有控制字元或落單的代理碼位",
    "must not pile more than {most} marks on one letter": (
        "單一字母上的附加符號不可超過 {most} 個"
    ),
    "must be RFC 3339 with a time zone, such as {example}": (
        "應為含時區的 RFC 3339 時間，例如 {example}"
    ),
    "must be an RFC 3339 moment, such as {example}": "應為 RFC 3339 時間，例如 {example}",
    "must lie between the years 1 and 9999 in UTC": "以 UTC 計，應介於西元 1 年到 9999 年",
    "is no moment: {why}": "不是有效的日期時間",
    # JSON
    "the payload must be a JSON object": "內容必須是 JSON 物件",
    "not UTF-8 at byte {place}": "第 {place} 個位元組起不是 UTF-8",
    "lone surrogate": "含有落單的代理碼位",
    "duplicate key {key}": "鍵 {key} 重複",
    "{name} is not JSON": "{name} 不是 JSON 的值",
    "an integer has more than {most} digits": "有整數超過 {most} 位數",
    "a number is out of range": "有數字超出範圍",
    "nested deeper than {most}": "巢狀超過 {most} 層",
    "more than {most} brackets are opened": "括號超過 {most} 組",
    "{fault}: line {line} column {column} (char {place})": (
        "第 {line} 行第 {column} 欄（第 {place} 個字元）：{fault}"
    ),
    "Expecting value": "此處應有值",
    "Expecting ',' delimiter": "此處應有逗號",
    "Expecting ':' delimiter": "此處應有冒號",
    "Expecting property name enclosed in double quotes": "此處應有以雙引號括住的鍵",
    "Extra data": "JSON 結束後還有多餘的內容",
    "Illegal trailing comma before end of object": "物件結尾前有多餘的逗號",
    "Illegal trailing comma before end of array": "陣列結尾前有多餘的逗號",
    "Invalid \\escape": "無效的跳脫序列",
    "Invalid \\uXXXX escape": "無效的 \\uXXXX 跳脫序列",
    "Invalid control character at": "字串內有控制字元",
    "Unterminated string starting at": "字串沒有結尾",
}
