"""Why a node does not start, what its doctor finds, and the same in Traditional Chinese."""

from collections.abc import Mapping
from typing import Final

START_TEXTS: Final[Mapping[str, str]] = {
    # tools and prompts
    "planner.answers is empty: name the tools that may answer a task.": (
        "planner.answers 是空的：請列出可回答任務的工具。"
    ),
    '{file} needs "name", "description" and "parameters"': (
        "{file} 需要 name、description 與 parameters"
    ),
    '{file}: the tool "{name}" is defined twice': "{file}：工具「{name}」重複定義",
    "{folder} holds no tool (*.json)": "{folder} 內沒有工具（*.json）",
    "{file} is missing or empty": "{file} 不存在或沒有內容",
    "{file} is not JSON: {why}": "{file} 不是 JSON：{why}",
    "{file} cannot be read: {why}": "無法讀取 {file}：{why}",
    "planner.handlers: {name} is not module:function ({why})": (
        "planner.handlers：{name} 不是 module:function（{why}）"
    ),
    "planner.handlers: {name} fails while it is imported: {why}": (
        "planner.handlers：匯入 {name} 時發生錯誤：{why}"
    ),
    "planner.handlers: {name} cannot be called": "planner.handlers：{name} 無法呼叫",
    "Check planner.tools_dir, prompts_dir, answers and handlers in the settings.": (
        "請檢查設定中的 planner.tools_dir、prompts_dir、answers 與 handlers。"
    ),
    "the embedded model was never taught {tools}: its plans will be nonsense": (
        "內附模型沒有學過 {tools}：用它產生的計畫沒有意義"
    ),
    "Set model.id to a larger model, or engine.kind to remote.": (
        "請將 model.id 設為較大的模型，或將 engine.kind 設為 remote。"
    ),
    # the broker
    "Port {port} on {host} is in use, perhaps by another broker. To use that one, set {url}; for "
    "an embedded broker on another port, set {name} (0 takes a free one).": (
        "{host} 的連接埠 {port} 已被占用，可能是另一個訊息代理。要使用它，請設定 {url}；"
        "要讓內附的訊息代理使用其他連接埠，請設定 {name}（0 代表任一可用的連接埠）。"
    ),
    "The embedded broker cannot listen at {url}: {why}": "內附的訊息代理無法在 {url} 接聽：{why}",
    "The embedded broker did not start; run {command} to see why, or set PLANNER__MQTT__URL to a "
    "broker of your own.": (
        "內附的訊息代理沒有啟動；請執行 {command} 查看原因，"
        "或以 PLANNER__MQTT__URL 指定您自己的訊息代理。"
    ),
    "The embedded broker has no passwords, so it listens on loopback only, not on {host}. For a "
    "network, run mosquitto with config/mosquitto.conf and set PLANNER__MQTT__URL.": (
        "內附的訊息代理沒有密碼，因此只在本機接聽，不在 {host} 接聽。"
        "要在網路上使用，請以 config/mosquitto.conf 執行 mosquitto，並設定 PLANNER__MQTT__URL。"
    ),
    "The embedded broker ended by itself (exit code {code}).": (
        "內附的訊息代理自行結束（結束代碼 {code}）。"
    ),
    "mqtt.shared_group is {group}, and this broker offers no shared subscriptions (MQTT "
    "{version}); unset it, or use a broker with MQTT 5": (
        "mqtt.shared_group 為 {group}，但此訊息代理不提供共用訂閱（MQTT {version}）；"
        "請取消設定，或使用支援 MQTT 5 的訊息代理"
    ),
    "mqtt.{key}: the file {file} cannot be read: {why}": "mqtt.{key}：無法讀取檔案 {file}：{why}",
    "No connection to {url}: {why}": "無法連線到 {url}：{why}",
    "The broker did not take the message: {why}": "訊息代理沒有接受訊息：{why}",
    "The connection ended: {why}": "連線已結束：{why}",
    "{url} does not let us subscribe to {filters}.": "{url} 不允許訂閱 {filters}。",
    "{user} is the node's own user: the broker may put the node off for us.": (
        "{user} 是節點自己的使用者：訊息代理可能因此中斷節點。"
    ),
    "Is it running? Check PLANNER__MQTT__URL, the user and PLANNER__MQTT__PASSWORD.": (
        "它在執行嗎？請檢查 PLANNER__MQTT__URL、使用者與 PLANNER__MQTT__PASSWORD。"
    ),
    "Is it running? Check PLANNER__MQTT__URL.": "它在執行嗎？請檢查 PLANNER__MQTT__URL。",
    "Check the files that mqtt names.": "請檢查 mqtt 設定所指定的檔案。",
    "nobody listens at {url}": "{url} 沒有任何程式在接聽",
    "{url} is there; {user} is the node's own user, so it was not tried": (
        "{url} 存在；{user} 是節點自己的使用者，因此沒有嘗試登入"
    ),
    "Whether the password is right, the node's log and /readyz say once it runs.": (
        "密碼是否正確，節點執行後可從其日誌與 /readyz 得知。"
    ),
    "something listens on {place}: a node that runs already, or another broker": (
        "{place} 已有程式在接聽：已在執行的節點，或另一個訊息代理"
    ),
    "To use that broker: {url}. To start a second one: {port}.": (
        "要使用該訊息代理：{url}。要另外啟動一個：{port}。"
    ),
    "embedded, will listen on {place}": "內附的訊息代理，將在 {place} 接聽",
    # HTTP
    "HTTP cannot listen on {place}: {why}.": "HTTP 無法在 {place} 接聽：{why}。",
    "something listens on {place}: a node that runs already, or another program": (
        "{place} 已有程式在接聽：已在執行的節點，或其他程式"
    ),
    "Another port: {port}.": "其他連接埠：{port}。",
    "will listen on {place}": "將在 {place} 接聽",
    "no API keys on {host}: anyone who reaches it commands the robots": (
        "{host} 沒有設定 API 金鑰：任何連得到的人都能指揮機器人"
    ),
    "Set {keys} or http.api_keys_file.": "請設定 {keys} 或 http.api_keys_file。",
    "Check PLANNER__HTTP__API_KEYS and http.api_keys_file.": (
        "請檢查 PLANNER__HTTP__API_KEYS 與 http.api_keys_file。"
    ),
    # the journal
    "journal.url {url} is not sqlite:///relative/file or sqlite:////absolute/file.": (
        "journal.url {url} 不是 sqlite:///相對路徑 或 sqlite:////絕對路徑。"
    ),
    "journal.url is not postgresql://user@host/database: {why}": (
        "journal.url 不是 postgresql://使用者@主機/資料庫：{why}"
    ),
    "The journal {file} cannot be opened ({why}): check the disk and the file's owner, or set "
    "journal.url to another file.": (
        "無法開啟日誌 {file}（{why}）：請檢查磁碟與檔案的擁有者，或將 journal.url 設為其他檔案。"
    ),
    "The journal {file} is in use by process {holder}: stop that planner-node, or give this one a "
    "journal.url (and a node_id) of its own.": (
        "日誌 {file} 正由行程 {holder} 使用：請停止該 planner-node，"
        "或讓本節點使用自己的 journal.url（與 node_id）。"
    ),
    "The journal has schema {found}, this version knows {known}: run the newer planner-node again, "
    "or set journal.url to another {place}.": (
        "日誌的結構版本為 {found}，本版本只認得 {known}：請改用較新的 planner-node，"
        "或將 journal.url 設為其他位置。"
    ),
    "The file is another program's database; set journal.url to a file of its own.": (
        "此檔案是其他程式的資料庫；請將 journal.url 設為專用的檔案。"
    ),
    "the file was replaced while the node ran; restart the node": (
        "節點執行時檔案被替換；請重新啟動節點"
    ),
    "the file cannot be found ({why}); restart the node": "找不到檔案（{why}）；請重新啟動節點",
    "The shared journal cannot be opened ({why}): check journal.url, the database and "
    "PLANNER__JOURNAL__PASSWORD.": (
        "無法開啟共用日誌（{why}）：請檢查 journal.url、資料庫與 PLANNER__JOURNAL__PASSWORD。"
    ),
    "Another process has taken over this node's tasks: {why} Start it again.": (
        "另一個行程接手了本節點的任務：節點未及時續約，"
        "或有第二個節點使用相同的 node_id。請重新啟動。"
    ),
    "Check PLANNER__JOURNAL__URL and journal.password_file.": (
        "請檢查 PLANNER__JOURNAL__URL 與 journal.password_file。"
    ),
    "{folder} cannot be written: {why}": "無法寫入 {folder}：{why}",
    "Free disk space, make {folder} writable, or choose another place: PLANNER__JOURNAL__URL.": (
        "請釋放磁碟空間、讓 {folder} 可以寫入，或以 PLANNER__JOURNAL__URL 選擇其他位置。"
    ),
    "Free some disk: a full one stops intake.": "請釋放一些磁碟空間：磁碟滿了就無法接受任務。",
    # the model
    "there is no folder {folder}: check {key}": "沒有資料夾 {folder}：請檢查 {key}",
    "the folder {folder} has no {file}, so it is not {what}: check {key}": (
        "資料夾 {folder} 沒有 {file}，不是所需的內容：請檢查 {key}"
    ),
    "the tokenizer of {model} has no chat template: take an instruct model": (
        "{model} 的 tokenizer 沒有對話範本：請使用 instruct 模型"
    ),
    "{model} does not fit into memory. See {advice}": (
        "{model} 放不進記憶體。請以 nvidia-smi 檢查是否有其他行程占用 GPU 並結束它們；"
        "將 model.quantization 設為 int8 或 nf4；降低 engine.max_rows、engine.context_tokens "
        "與 max_new_tokens；以 model.max_memory 分到多張 GPU；或選擇較小的模型"
    ),
    "access to {model} is restricted. Ask {advice}": (
        "{model} 的存取受到限制。請登入後在模型頁面申請，再以環境變數 HF_TOKEN 提供存取權杖"
    ),
    "the hub has no model {model}, or not this revision, or you may not see it. Check {advice}": (
        "hub 上沒有模型 {model} 或此版本，或您無權查看。請檢查 model.id 與 model.revision；"
        "非公開的模型需要 HF_TOKEN 存取權杖"
    ),
    "{model} is not on this machine and the hub cannot be reached. Check {advice}": (
        "本機沒有 {model}，也無法連線到 hub。請檢查網路與代理伺服器，"
        "或在他處下載模型後將 model.id 設為其資料夾"
    ),
    "a file of {model} is missing: {why}. Download the model again, {rest}": (
        "{model} 缺少檔案：{why}。請重新下載模型，包含 config、tokenizer 與 safetensors 檔案"
    ),
    "{model} cannot be run by the installed libraries: {why}": (
        "已安裝的套件無法執行 {model}：{why}"
    ),
    "{model} cannot be loaded: {why}": "無法載入 {model}：{why}",
    "{model} ({kind}) gives other scores in a batch (similarity {number}): it does not keep plain "
    "keys and values. Choose a model of another kind, such as a Llama": (
        "{model}（{kind}）在批次中得到不同的分數（相似度 {number}）："
        "它不以一般的方式保存鍵與值。請選擇其他種類的模型，例如 Llama"
    ),
    "{folder} has no weights (*.safetensors)": "{folder} 沒有權重檔（*.safetensors）",
    "{file} is cut or damaged": "{file} 不完整或已損毀",
    "{folder} holds no model": "{folder} 內沒有模型",
    "Run `make train`, or check out the repository again.": (
        "請執行 `make train`，或重新取得整個程式庫。"
    ),
    "Download the model again, or check model.id.": "請重新下載模型，或檢查 model.id。",
    "{name} is no folder here, and no model of the hub is called so": (
        "{name} 不是本機的資料夾，hub 上也沒有這個名稱的模型"
    ),
    "Check PLANNER__MODEL__ID.": "請檢查 PLANNER__MODEL__ID。",
    "Check PLANNER__MODEL__ADAPTER.": "請檢查 PLANNER__MODEL__ADAPTER。",
    "{name} will be downloaded at the first start": "{name} 將在第一次啟動時下載",
    "{name}, in the hub's cache": "{name}，在 hub 的快取中",
    "If it is gated: accept its licence, then set HF_TOKEN.": (
        "若需授權：請接受其授權條款，再設定 HF_TOKEN。"
    ),
    "nvidia-smi shows who holds the rest; end it, or use quantization nf4.": (
        "nvidia-smi 會顯示其餘顯存由誰占用；請結束它，或使用 nf4 量化。"
    ),
    "See docs/remote.md.": "請見 docs/remote.md。",
    "See docs/remote.md. The others do its work.": "請見 docs/remote.md。其他端點會分擔其工作。",
}
