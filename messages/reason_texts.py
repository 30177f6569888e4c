"""The reasons that the node gives, and the same in Traditional Chinese.

A name in braces stands for any text, which is looked up in turn. What another program said (a
driver, a disk, a server of models) has only its own words.
"""

from collections.abc import Mapping
from typing import Final

REASON_TEXTS: Final[Mapping[str, str]] = {
    # who may come in, and what is there
    "send Authorization: Bearer <key>, or X-API-Key: <key>": (
        "請附上 Authorization: Bearer <key> 或 X-API-Key: <key>"
    ),
    "a web page of another origin may not do this": "其他來源的網頁不得這麼做",
    "this host name is not known here": "此處不認得這個主機名稱",
    "no message is called {name}; see /schemas": "沒有名為 {name} 的訊息；請見 /schemas",
    "the body may have at most {limit} bytes": "內容最多 {limit} 個位元組",
    # what is asked of the model
    "max_new_tokens must be from 1 to {limit}": "max_new_tokens 應介於 1 到 {limit}",
    "two tools have the same name": "有兩個工具同名",
    "tool_choice names {name}, which is not among the tools": (
        "tool_choice 指定了 {name}，但它不在 tools 之中"
    ),
    'tool_choice names "{name}", which is not offered': (
        "tool_choice 指定了「{name}」，但沒有提供此工具"
    ),
    'no tool "{name}"; known are {known}': "沒有工具「{name}」；已知的工具：{known}",
    "chat template: {why}": "對話範本：{why}",
    "{chars} characters are far more than the model's {tokens} tokens": (
        "{chars} 個字元遠超過模型的 {tokens} 個 token"
    ),
    "the prompt has {prompt} tokens of at most {most}": (
        "提示有 {prompt} 個 token，上限為 {most} 個"
    ),
    "the prompt has {prompt} tokens, the model's context {context}": (
        "提示有 {prompt} 個 token，模型的上下文為 {context} 個"
    ),
    "the prompt's {prompt} tokens and the answer's {answer} "
    "fill the model's context of {context}": (
        "提示的 {prompt} 個 token 與回答的 {answer} 個，已填滿模型 {context} 個的上下文"
    ),
    "{count} requests wait for the model; try again later": (
        "已有 {count} 個請求在等候模型；請稍後再試"
    ),
    "{count} requests wait for an endpoint": "已有 {count} 個請求在等候端點",
    # how the model fared
    "max_new_tokens ({limit}) was reached inside the tool call": (
        "在工具呼叫完成之前已達 max_new_tokens（{limit}）"
    ),
    "the answer was not complete in time": "回答未能及時完成",
    "no answer within {seconds} s": "{seconds} 秒內沒有回答",
    "the deadline passed while the model was writing": "模型輸出時已超過期限",
    "the deadline passed before the answer ended": "在回答結束之前已超過期限",
    "the model wrote for longer than {seconds} s": "模型輸出的時間超過 {seconds} 秒",
    "the endpoint wrote for longer than {seconds} s": "端點輸出的時間超過 {seconds} 秒",
    "The model does not answer.": "模型沒有回應。",
    "the completion ended without saying so": "輸出在沒有結束訊號的情況下中斷",
    "the model's text is not a call of an offered tool": "模型的輸出不是對所提供工具的呼叫",
    "token {id} is not text": "token {id} 不是文字",
    "the model's scores broke down: {why}": "模型的分數失效：{why}",
    "the engine was stopped": "推論引擎已停止",
    "the engine was not started": "推論引擎尚未啟動",
    "the model is loading": "模型載入中",
    "the node is starting": "節點啟動中",
    "the node cannot run: {why}": "節點無法執行：{why}",
    "the endpoints were not asked yet": "尚未詢問端點",
    "no endpoint is well: {which}": "沒有可用的端點：{which}",
    # what is wrong with an endpoint, behind its name
    "not asked yet": "尚未詢問",
    "cannot be reached ({why})": "無法連線（{why}）",
    "was silent for longer than engine.idle_timeout_s": "沒有回應的時間超過 engine.idle_timeout_s",
    "broke off ({why})": "連線中斷（{why}）",
    "broke off with an error: {why}": "因錯誤而中斷：{why}",
    "stopped in mid-answer": "在回答中途停止",
    "sent a line that is no completion: {line}": "送來不屬於回答的一行：{line}",
    "answered with tool_calls, though no tools were given": "沒有提供工具，卻以 tool_calls 回答",
    "ended the answer with {reason}": "以 {reason} 結束回答",
    "answered {code}: {said} - check {what}": "回應 {code}：{said}；請檢查 {what}",
    "the endpoint's url and model": "端點的 url 與 model",
    "answered {code}: {said}": "回應 {code}：{said}",
    "answers /v1/models, but not with a list of models": "對 /v1/models 的回應不是模型列表",
    "{asked}; it has {models}: set the endpoint's model": (
        "{asked}；其模型有 {models}：請設定端點的 model"
    ),
    "has no model {model}": "沒有模型 {model}",
    "has not exactly one model": "模型不只一個，或一個也沒有",
    "does not keep to a schema sent as {fields}: see structured_output in docs/remote.md": (
        "未遵守以 {fields} 傳送的結構：請見 docs/remote.md 的 structured_output"
    ),
    "has another tokenizer than model.id: set model.id to what {model} is made of, or "
    "engine.prompt to chat": (
        "與 model.id 的 tokenizer 不同：請將 model.id 設為 {model} 的來源模型，"
        "或將 engine.prompt 設為 chat"
    ),
    # what it writes
    "{endpoint} does not keep to the schema: {rest}; see structured_output in docs/remote.md": (
        "{endpoint} 未遵守結構：{rest}；請見 docs/remote.md 的 structured_output"
    ),
    "{endpoint} writes nothing but blanks after {text}: see docs/remote.md": (
        "{endpoint} 在 {text} 之後只輸出空白；請見 docs/remote.md"
    ),
    "{endpoint} goes on after the call: {text}": "{endpoint} 在工具呼叫之後繼續輸出：{text}",
    "{endpoint} ended inside the call, after {text}": "{endpoint} 在工具呼叫中途、{text} 之後結束",
    "{endpoint} slid into Simplified Chinese with {characters}": (
        "{endpoint} 夾雜了簡體字 {characters}"
    ),
    # the plan
    "The model called no tool.": "模型沒有呼叫工具。",
    "The model's answer has no end.": "模型的回答沒有結尾。",
    "The call has no list of tasks.": "工具呼叫中沒有任務列表。",
    "The call has no {name}.": "工具呼叫中沒有 {name}。",
    "The plan is empty.": "計畫是空的。",
    "A subtask has no text.": "有子任務沒有文字。",
    "Too many subtasks.": "子任務太多。",
    "A skill is not allowed.": "有技能不被允許。",
    "A subtask uses what is forbidden.": "有子任務使用了禁止的事物。",
    "The model repeats the same subtask.": "模型重複相同的子任務。",
    # the task and its robot
    "the topic names no robot: an id is 1 to 64 of {characters}": (
        "主題中沒有機器人：識別碼為 1 到 64 個 {characters} 字元"
    ),
    "feedback is not followed yet": "尚未支援執行回報",
    "profiles are not used yet": "尚未支援機器人資料",
    "fleet tasks are not assigned yet": "尚未支援車隊任務的指派",
    "mqtt.partition_changes is not set at this node": "此節點沒有設定 mqtt.partition_changes",
    "send it at QoS 1: at QoS 0 a node that is away would never hear of it": (
        "請以 QoS 1 送出：若用 QoS 0，離線的節點永遠不會得知"
    ),
    "send it without a Message Expiry: a node that is away longer would never hear of it": (
        "請不要設定 Message Expiry：離線更久的節點將永遠不會得知"
    ),
    "this robot has as many tasks waiting as queue.robot_capacity allows one robot": (
        "此機器人等候中的任務已達單一機器人的上限（queue.robot_capacity）"
    ),
    "{who} has this task and tells its robot over MQTT; this node has no broker, and the robot "
    "would never hear of the change. Ask that node, or start this one by planner-node serve.": (
        "{who}持有此任務，並透過 MQTT 通知機器人；本節點沒有訊息代理，機器人不會得知這項變更。"
        "請改向該節點提出，或以 planner-node serve 啟動本節點。"
    ),
    "Node {owner}": "節點 {owner} ",
    "A node with a broker": "別的節點",
    # what a command asks in MQTT 5 properties
    "response topic ignored: {why}": "已忽略回覆主題：{why}",
    "not 1 to {most} bytes long": "長度應為 1 到 {most} 個位元組",
    "wildcards and control characters are not allowed": "不可含有萬用字元或控制字元",
    "topics of the broker are not allowed": "不可使用訊息代理的主題",
    "it is a topic of this node": "這是本節點的主題",
    "not under mqtt.response_topic_prefixes": "不在 mqtt.response_topic_prefixes 之下",
    "correlation data ignored: over {most} bytes": "已忽略關聯資料：超過 {most} 個位元組",
    # the journal and the broker
    "the journal's row cannot be read: {why}": "無法讀取日誌中的紀錄：{why}",
    "the journal's row of this task cannot be read: {why}": "無法讀取日誌中此任務的紀錄：{why}",
    "the journal takes nothing: {why}": "日誌無法寫入：{why}",
    "The journal is closed.": "日誌已關閉。",
    "The journal is not open.": "日誌尚未開啟。",
    "The journal cannot be read: {why}": "無法讀取日誌：{why}",
    "The journal cannot hold this: {why}": "日誌無法儲存此內容：{why}",
    "The journal {file} refuses to write: {why}": "日誌 {file} 無法寫入：{why}",
    "The shared journal cannot be read: {why}": "無法讀取共用日誌：{why}",
    "The shared journal refuses to write: {why}": "共用日誌無法寫入：{why}",
    "The database does not take this group.": "資料庫不接受這組寫入。",
    "Nothing was written.": "沒有寫入任何內容。",
    "Task {id} was there and is gone.": "任務 {id} 曾經存在，但已不見。",
    "the TLS files cannot be used: {why}": "無法使用 TLS 檔案：{why}",
    "not connected to {url} yet": "尚未連線到 {url}",
    "another client uses our id {id} at {url}; give each node its own node_id": (
        "另一個連線在 {url} 使用了我們的識別碼 {id}；請為每個節點設定各自的 node_id"
    ),
    "no connection to {url}: {why}": "無法連線到 {url}：{why}",
    "{url}: {why}; check mqtt.username and its password": (
        "{url}：{why}；請檢查 mqtt.username 與密碼"
    ),
    "not connected": "未連線",
    "{size} bytes, and the broker takes {limit}": "{size} 個位元組，訊息代理只接受 {limit} 個",
    "no CONNACK within {seconds} s": "{seconds} 秒內沒有 CONNACK",
    "the broker refuses us {topics}; check its ACL": "訊息代理拒絕 {topics}；請檢查其 ACL",
}
