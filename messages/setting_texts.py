"""What is wrong with a setting, and the same in Traditional Chinese."""

from collections.abc import Mapping
from typing import Final

SETTING_TEXTS: Final[Mapping[str, str]] = {
    "There is no settings file {file}; name one with --config, or leave that out for the shipped "
    "one.": "沒有設定檔 {file}；請以 --config 指定，或省略以使用內附的設定檔。",
    "{key} is not a setting; did you mean {near}?": "{key} 不是設定；您是指 {near} 嗎？",
    "{key} is not a setting; known are {known}": "{key} 不是設定；已知的有 {known}",
    "{name} sets nothing; did you mean {right}?": "{name} 沒有設定任何項目；您是指 {right} 嗎？",
    "{name} sets nothing: {section} is not a section; did you mean {near}?": (
        "{name} 沒有設定任何項目：{section} 不是設定的區段；您是指 {near} 嗎？"
    ),
    "{name} sets nothing: {section} is not a section; known are {known}": (
        "{name} 沒有設定任何項目：{section} 不是設定的區段；已知的有 {known}"
    ),
    "{key} is written twice, in lines {first} and {second}: keep one": (
        "{key} 寫了兩次，在第 {first} 行與第 {second} 行：請只留一個"
    ),
    "{file} must hold sections, not a list or a value.": (
        "{file} 的內容應為各個區段，而不是列表或單一值。"
    ),
    "{key} is a secret and does not belong in {file}; set {name} in the environment, or name a "
    "file in {file_key}.": (
        "{key} 是機密，不應寫在 {file}；請以環境變數 {name} 設定，或在 {file_key} 指定檔案。"
    ),
    "mqtt.url holds a password, which is a secret and does not belong in {file}; set {name} in the "
    "environment, or name a file in mqtt.password_file.": (
        "mqtt.url 內含密碼，密碼是機密，不應寫在 {file}；"
        "請以環境變數 {name} 設定，或在 mqtt.password_file 指定檔案。"
    ),
    "{key} is a secret and does not belong in {file}; name a file in its api_key_file, or set "
    "{name} for all endpoints.": (
        "{key} 是機密，不應寫在 {file}；請在其 api_key_file 指定檔案，或以 {name} 設定所有端點。"
    ),
    "The secret file {file} cannot be read: {why}": "無法讀取機密檔案 {file}：{why}",
    "must be 1 to 64 of the characters A-Z a-z 0-9 _ . : -": (
        "應為 1 到 64 個英數字或 _ . : - 字元"
    ),
    "must be levels of A-Z a-z 0-9 _ . : - with a / between them": (
        "應為以 / 分隔的層級，每層由英數字或 _ . : - 組成"
    ),
    "must be sqlite:///file or postgresql://user@host/database": (
        "應為 sqlite:///檔案 或 postgresql://使用者@主機/資料庫"
    ),
    "url must be mqtt://host:port or mqtts://host:port, or empty": (
        "url 應為 mqtt://主機:連接埠 或 mqtts://主機:連接埠，或留空"
    ),
    "url must be http://host:port or https://host:port": (
        "url 應為 http://主機:連接埠 或 https://主機:連接埠"
    ),
    "url must end with its path": "url 應以路徑結尾",
    "url's host cannot be read; an IPv6 address stands in brackets, such as {example}": (
        "無法讀取 url 的主機；IPv6 位址應以方括號括住，例如 {example}"
    ),
    "key_file needs the certificate_file that it belongs to": (
        "設定 key_file 時，須同時以 certificate_file 指定對應的憑證"
    ),
    "{keys}: TLS needs mqtts:// in url, or take this out": (
        "{keys}：使用 TLS 時 url 應為 mqtts://，否則請移除這些設定"
    ),
    "url names no host": "url 沒有主機名稱",
    "url's port must be a number from 1 to 65535": "url 的連接埠應為 1 到 65535 的數字",
    "url holds a user or password; give a key in {name} or in a file named in api_key_file": (
        "url 內含使用者或密碼；請以 {name} 或 api_key_file 指定的檔案提供金鑰"
    ),
    "url holds a password; set {name} in the environment, or name a file in "
    "journal.password_file; {rest}": (
        "url 內含密碼；請以環境變數 {name} 設定，或在 journal.password_file 指定檔案；"
        "libpq 的其他機密請放在它自己的檔案（~/.pg_service.conf）"
    ),
    "partition_count and shared_group exclude each other: {why}": (
        "partition_count 與 shared_group 不能同時設定：命令會分給不負責該機器人的節點，無人規劃"
    ),
    "partition_index runs from 0 to partition_count - 1": (
        "partition_index 應介於 0 到 partition_count - 1"
    ),
    "lease_s must be at least twice heartbeat_s": "lease_s 至少應為 heartbeat_s 的兩倍",
    "endpoints are set, but kind is local: set kind to remote": (
        "設定了 endpoints，但 kind 為 local：請將 kind 設為 remote"
    ),
    "kind remote needs endpoints, at least one {example}": (
        "kind 為 remote 時需要 endpoints，至少一個 {example}"
    ),
    "two endpoints are the same: raise max_concurrent instead": (
        "有兩個端點相同：請改為提高 max_concurrent"
    ),
    "max_new_tokens ({default}) is above max_new_tokens_limit ({limit}), {rest}": (
        "max_new_tokens（{default}）高於 max_new_tokens_limit（{limit}）：請降低前者或提高後者"
    ),
    "{keys}: with engine.kind remote this is the server's affair; take it out here": (
        "{keys}：engine.kind 為 remote 時由伺服器決定，請在此移除"
    ),
    "planner.plan_bias_logits needs the ids of the model's tokens: set it to 0, or engine.prompt "
    "to tokens and model.id to the model that is served": (
        "planner.plan_bias_logits 需要模型的 token 編號：請設為 0，"
        "或將 engine.prompt 設為 tokens、model.id 設為伺服器上的模型"
    ),
    "See config/planner.yaml.": "請見 config/planner.yaml。",
}
