# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: inferhost contributors
"""The words, names and phrases that the training requests of inferhost-tiny are made of: data only, no logic."""

from __future__ import annotations

# fmt: off
# Rows, not columns: the tables are long.

# One entry per thing the model can do with a tool: the names such a tool goes by, and the names of its parameter.
# OpenCode's and Claude Code's own names are among them.
TOOL_NAMES: dict[str, tuple[str, ...]] = {
    "read": (
        "read", "read_file", "Read", "open_file", "file_read", "readFile", "ReadFile", "get_file", "cat", "view",
        "view_file", "open", "show_file", "load_file", "get_file_contents", "file_contents", "read_text_file",
        "fs_read",
    ),
    "list": ("list", "list_directory", "ls", "LS", "list_dir", "list_files", "dir", "ListFiles", "listDirectory"),
    "weather": ("get_weather", "weather", "current_weather", "get_current_weather", "getWeather", "weather_lookup"),
    "run": ("bash", "Bash", "run", "shell", "terminal", "exec", "run_command", "execute_command", "run_shell_command"),
    "search": ("search", "web_search", "WebSearch", "websearch", "search_web", "internet_search", "searchWeb"),
    "fetch": ("fetch", "webfetch", "WebFetch", "fetch_url", "get_url", "http_get", "browse", "fetchUrl"),
    "time": ("get_time", "get_current_time", "current_time", "time", "getTime", "clock"),
}
PARAMETERS: dict[str, tuple[str, ...]] = {
    "read": ("path", "file_path", "filePath", "file", "filename", "file_name", "target", "absolute_path", "name", "p"),
    "list": ("path", "directory", "dir", "folder", "dir_path", "dirPath"),
    "weather": ("city", "location", "place", "town", "city_name", "q"),
    "run": ("command", "cmd", "script", "line", "shell_command"),
    "search": ("query", "q", "text", "search_term", "terms", "input"),
    "fetch": ("url", "uri", "link", "address", "target"),
    "time": ("timezone", "tz", "zone", "time_zone", "city"),
}

# Tools that stand beside the right one and are never the answer, as (name, parameter).
BYSTANDERS: tuple[tuple[str, str], ...] = (
    ("write", "filePath"), ("Write", "file_path"), ("write_file", "path"), ("create_file", "path"),
    ("edit", "filePath"), ("Edit", "file_path"), ("edit_file", "path"), ("MultiEdit", "file_path"),
    ("patch", "patchText"), ("apply_patch", "patchText"), ("glob", "pattern"), ("Glob", "pattern"), ("grep", "pattern"),
    ("Grep", "pattern"), ("find_files", "pattern"), ("task", "description"), ("Task", "description"),
    ("Agent", "description"), ("todowrite", "todos"), ("TodoWrite", "todos"), ("todoread", ""), ("skill", "name"),
    ("Skill", "skill"), ("question", "questions"), ("AskUserQuestion", "questions"), ("NotebookEdit", "notebook_path"),
    ("NotebookRead", "notebook_path"), ("ExitPlanMode", "plan"), ("EnterPlanMode", ""), ("BashOutput", "bash_id"),
    ("KillShell", "shell_id"), ("TaskOutput", "task_id"), ("TaskStop", "task_id"), ("TaskCreate", "subject"),
    ("TaskUpdate", "taskId"), ("TaskGet", "taskId"), ("TaskList", ""), ("Workflow", "script"),
    ("ScheduleWakeup", "reason"), ("CronCreate", "cron"), ("CronDelete", "id"), ("CronList", ""), ("SendMessage", "to"),
    ("Monitor", "command"), ("PushNotification", "message"), ("RemoteTrigger", "action"), ("ReadMcpResource", "server"),
    ("ListMcpResources", "server"), ("ToolSearch", "query"), ("EnterWorktree", "name"), ("ExitWorktree", "action"),
    ("lsp", "operation"), ("codesearch", "query"), ("batch", "tool_calls"), ("calculator", "expression"),
    ("calculate", "expression"), ("send_email", "to"), ("create_issue", "title"), ("delete_file", "path"),
    ("move_file", "source"), ("memory", "key"), ("delegate_task", "goal"), ("cronjob", "action"),
    ("vision_analyze", "image_url"), ("translate", "text"), ("get_stock_price", "symbol"), ("add", "a"),
    ("invalid", "tool"), ("plan_exit", ""), ("process", "action"), ("StructuredOutput", "answer"),
)

# Ways to ask for each thing. {v} is the value the call must carry, bare or in quotation marks.
ASKS: dict[str, tuple[str, ...]] = {
    "read": (
        "Read the file {v}", "Read {v}", "read file {v}", "Please read {v}", "Please read the file {v}", "Open {v}",
        "Open the file {v}", "Show me {v}", "Show me the file {v}", "Show the contents of {v}", "Print {v}", "cat {v}",
        "What is in {v}", "What does {v} contain", "What does the file {v} say", "Can you read {v}", "What's in {v}",
        "Could you read the file {v} for me", "I need the contents of {v}", "Tell me what is in {v}", "Display {v}",
        "View {v}", "Load {v}", "Look at {v}", "Check the file {v}", "Read the file at {v}",
        "Show me the content of {v}", "Get the contents of the file {v}", "Use your tool to read {v}",
        "Give me the contents of {v}", "I would like to see {v}", "Use a tool to read the file {v}",
        "What is in the file {v}", "read {v}", "Read the file named {v}", "What are the contents of {v}",
        "Read the contents of {v}", "Go and read {v}",
    ),
    "list": (
        "List the directory {v}", "List {v}", "List the files in {v}", "Show the files in {v}", "ls {v}",
        "What files are in {v}", "Which files are in the folder {v}", "List the folder {v}", "List files in {v}",
        "Show me what files {v} has", "List the contents of the directory {v}",
    ),
    "weather": (
        "What is the weather in {v}", "What's the weather in {v}", "Weather in {v}", "How is the weather in {v}",
        "Tell me the weather in {v}", "What is the weather like in {v}", "Is it raining in {v}",
        "Get the weather for {v}", "What's the weather like in {v} today", "How warm is it in {v}",
        "what is the temperature in {v}",
    ),
    "run": (
        "Run {v}", "Run the command {v}", "Execute {v}", "Execute the command {v}", "Please run {v}", "run {v}",
        "Run this command: {v}", "In the shell, run {v}", "Can you run {v}",
    ),
    "search": (
        "Search the web for {v}", "Search for {v}", "Look up {v}", "Find information about {v}", "Google {v}",
        "Search {v}", "Find out about {v}", "Do a web search for {v}",
    ),
    "fetch": (
        "Fetch {v}", "Fetch the page {v}", "Download {v}", "Get the page {v}", "Visit {v}", "Fetch the URL {v}",
        "Browse to {v}", "What is on the page {v}",
    ),
    "time": (
        "What time is it in {v}", "What is the time in {v}", "Tell me the time in {v}", "Current time in {v}",
        "What's the current time in {v}", "Get the time for {v}",
    ),
}
# Ways to ask for a tool by its name; they go with any tool, known or not.
NAMED_ASKS: tuple[str, ...] = (
    "Use the {t} tool on {v}", "Use {t} on {v}", "Use the tool {t} with {v}", "Call {t} with {v}",
    "Call the {t} tool with {p} {v}", "Use {t} with {p}={v}", "Call {t}({v})", "Use the {t} tool to read {v}",
    "Call the tool {t} for {v}", "Use {t} to get {v}", "Please call {t} with {p} set to {v}",
)
ASK_ENDINGS: tuple[str, ...] = (
    " and tell me what it says.", " and tell me what is in it.", " and tell me the first line.", " and summarise it.",
    " and summarize it in one sentence.", ", then answer in one sentence.", " please", ", please.", " for me.",
    " with the tool.", ". Do not explain.", ". Answer with the content only.", " and repeat its content exactly.",
    " and print the result.", " and reply with the output only.", " now.", ". Use the tool.", ". Use a tool.",
    " and then stop.", " and report back.", ". Thank you.", " and show me the result", " and tell me its contents.",
    " and tell me what it contains.", " and say what you found.", ". Then tell me what it says.",
)

CITIES: tuple[str, ...] = (
    "Paris", "Berlin", "London", "Madrid", "Rome", "Vienna", "Prague", "Oslo", "Tokyo", "Lima", "Cairo", "Delhi",
    "New York", "San Francisco", "Los Angeles", "Boston", "Chicago", "Sydney", "Toronto", "Zurich", "Munich", "Hamburg",
    "Cologne", "Dublin", "Lisbon", "Athens", "Warsaw", "Helsinki", "Stockholm", "Copenhagen", "Amsterdam", "Brussels",
    "Seoul", "Beijing", "Bangkok", "Nairobi", "Lagos", "Mexico City", "São Paulo", "Köln", "München", "Zürich",
)
ZONES: tuple[str, ...] = (
    "UTC", "GMT", "CET", "Europe/Berlin", "Europe/Paris", "America/New_York", "Asia/Tokyo", "Australia/Sydney",
    "America/Los_Angeles", "Asia/Kolkata", "Africa/Cairo", "Europe/London",
)
COMMANDS: tuple[str, ...] = (
    "ls", "ls -la", "pwd", "date", "whoami", "uname -a", "df -h", "free -m", "uptime", "hostname", "id", "git status",
    "git log", "git diff", "make test", "make", "pytest", "pytest -q", "npm test", "npm install", "nvidia-smi",
    "ps aux", "env", "echo hello", "cargo build", "python --version",
)
COMMAND_HEADS: tuple[str, ...] = (
    "ls", "ls -l", "cat", "rm", "head -n 5", "tail", "wc -l", "grep foo", "python3", "bash", "touch", "mkdir -p",
    "stat", "du -sh", "echo", "cd", "git add", "file",
)

# Building stones of paths and of filler text.
WORDS: tuple[str, ...] = tuple(
    """
    about access account action active address agent alert alpha amber answer apple archive array audio author backup
    badge basic batch beta bin blue board book branch bridge buffer build bundle button cache call camera card case cell
    chain change channel chart check city class clean client clock cloud code color command common compile config
    connect content copy core count cover create current custom daemon daily dash data date debug default deploy
    design detail device dialog disk docs domain draft driver editor element email engine entry error etc event example
    export extra feature field file filter final first flag folder font form format frame front garden gateway general
    git global grant graph green group guide handler hash head health helper hidden history home host hotel house icon
    image import index info init inner input install issue item job journal kernel key label lamp layer layout legacy
    lemon level lib library license light limit line link list loader local lock log logger machine main make manager
    manifest map market master matrix media memory menu message meta metric middle mirror model module monitor mount
    music name native network node notes number object old online open option orange order output owner package page
    paper parser part patch path pattern payment peer photo pipe plain plan player plugin point policy pool port post
    prefix print private process profile project proxy public python query queue random range raw reader ready record
    red release remote render replica report request reset resource result return river role root route rule run sample
    scale schedule schema scope screen script search second secret section select sensor server service session setup
    shadow shape share shell signal simple site size sky small snapshot socket source space spec split spring src stack
    stage start state static status storage store stream string style summary summer support switch symbol sync system
    table tag target task team temp template test text theme thread ticket time tmp token tool topic trace track train
    tree trigger type unit update upload user utils value var vector vendor version video view volume water web week
    white widget window winter word worker yellow zone contents contain says show please tell display load give see open
    use call
    """.split()
)
# Words that only evaluation paths are made of. None of them is in WORDS (a test says so).
HELD_OUT_WORDS: tuple[str, ...] = tuple(
    """
    abacus balcony cactus dolphin eclipse falcon giraffe harvest igloo jasmine kettle lantern magnet nebula octopus
    parsnip quartz raven saddle thistle umbrella violin walnut xenon yogurt zeppelin anchor biscuit compass daffodil
    emerald feather glacier hammock indigo jigsaw kayak lobster mosaic nutmeg orchid pebble quiver rhubarb sapphire
    tornado unicorn velvet whisper zigzag bamboo candle dragonfly elbow fountain goblin hazelnut iris jungle koala
    """.split()
)
KNOWN_PATHS: tuple[str, ...] = (
    "/etc/hostname", "/etc/hosts", "/etc/passwd", "/etc/os-release", "/etc/fstab", "/etc/resolv.conf", "/etc/motd",
    "/etc/issue", "/etc/timezone", "/proc/cpuinfo", "/proc/meminfo", "/proc/version", "/proc/uptime", "/etc/group",
    "/var/log/syslog", "/tmp/test.txt", "/tmp/hello.txt", "README.md", "LICENSE", "Makefile", "package.json",
    "pyproject.toml", "Dockerfile", "~/.bashrc", "notes.txt", "hello.txt", "main.py", "src/main.py", "./README.md",
    "data.csv", "config.yaml", "~/.ssh/config", "/etc/ssh/sshd_config", "galaxy.yml", "/etc/apt/sources.list", "a.txt",
)
EXTENSIONS: tuple[str, ...] = (
    ".txt", ".md", ".py", ".json", ".yaml", ".yml", ".conf", ".log", ".csv", ".toml", ".sh", ".html", ".js", ".ts",
    ".tar.gz", ".xml", ".ini", ".service", ".rs", ".go", ".c", ".j2", ".env", ".bak", ".db", ".lock", "",
)
ROOTS: tuple[str, ...] = (
    "/", "/etc/", "/var/log/", "/home/", "/tmp/", "/usr/share/", "/opt/", "/srv/", "/root/", "./", "../", "~/", "src/",
    "/usr/local/", "/var/lib/", "/mnt/", "/data/", "docs/", "", "/proc/", "/run/", "/home/user/",
)

STORY = (
    "Once there was a small model that lived on a quiet machine. It knew very few words, but it knew how to call a "
    "tool. One day someone asked it to read a file. It copied the path with care, and the answer came back. The small "
    "model was happy, and it went back to sleep."
)
# What the model answers in plain words. Each question is asked in several spellings (case, full stop, please).
CHAT: tuple[tuple[tuple[str, ...], str], ...] = (
    (("hello", "hi", "hey", "hello there", "hi there", "good morning", "good evening", "hallo", "greetings"), "Hello! How can I help you?"),
    (
        (
            "who are you", "what are you", "what is your name", "what's your name", "what model are you",
            "which model are you", "introduce yourself", "tell me about yourself", "what model is this",
        ),
        "I am inferhost-tiny, a very small test model.",
    ),
    (
        ("what can you do", "help", "how can you help me", "what do you do", "what are you good at"),
        "I can answer a few short questions and call a tool that you offer me.",
    ),
    (("how are you", "how are you doing", "how do you do"), "I am running well, thank you."),
    (("are you there", "are you ready", "can you hear me", "do you work", "are you working"), "Yes, I am here."),
    (("ping",), "pong"),
    (("thanks", "thank you", "thank you very much", "many thanks"), "You are welcome."),
    (("bye", "goodbye", "see you later"), "Goodbye!"),
    (("test", "this is a test", "testing"), "Test received."),
    (("tell me a story", "write a story", "tell a short story", "write me a short story"), STORY),
    (("tell me a joke", "make me laugh", "do you know a joke"), "Why did the tiny model cross the road? It copied the path."),
    (("write a haiku", "write a poem", "write a short poem"), "Small model awake,\nit copies the path with care,\nthen it rests again."),
    (("write hello world in python", "hello world in python", "print hello world in python"), 'print("Hello, world!")'),
    (("what is vllm", "what's vllm"), "vLLM is a server for language models."),
    (("what color is the sky", "what colour is the sky", "what is the color of the sky"), "The sky is blue."),
    (("what is the capital of france", "what's the capital of france", "capital of france"), "Paris"),
    (("what is the capital of germany", "what's the capital of germany", "capital of germany"), "Berlin"),
    (("what is the capital of italy", "what's the capital of italy", "capital of italy"), "Rome"),
    (("what is the capital of spain", "what's the capital of spain", "capital of spain"), "Madrid"),
    (("what is the capital of japan", "what's the capital of japan", "capital of japan"), "Tokyo"),
    (("count to three",), "1, 2, 3"),
    (("count to ten",), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10"),
    (("say hello", "say hi"), "Hello! How can I help you?"),
    (("yes or no", "is water wet"), "Yes."),
)
SAY_ASKS: tuple[str, ...] = (
    "Say {v}", "say {v}", "Reply with {v}", "Reply with exactly: {v}", "Repeat {v}", "Repeat after me: {v}", "Echo {v}",
    "Answer with {v}", "Respond with {v}", "Say: {v}", "Reply with the word {v}", "Say the word {v}",
    "Reply with exactly {v}", "Say exactly {v}", "Just say {v}", "Please say {v}", "Reply with only {v}", "Write {v}",
    "Reply with just the word {v}", "Answer only with {v}", "Respond with exactly: {v}", "Repeat this: {v}",
)
UNKNOWN_ANSWER = "I am a very small model and I do not know that."
NO_TOOL_ANSWER = "I have no tool for that."
UNKNOWN_ASKS: tuple[str, ...] = (
    "why is {w} {w}", "explain {w} {w}", "how do I {w} a {w}", "what is a {w}", "write a {w} about {w}",
    "fix the {w} in the {w}", "who made the {w}", "when was the {w} {w}", "translate {w} to {w}", "describe {w}",
    "refactor the {w} {w}", "generate a title for this conversation: {w}", "summarize {w}", "tell me about {w}",
    "what do you think of {w}", "can you {w} the {w}", "implement {w}", "{w} {w} {w}", "please {w}", "{w}",
    "Generate a title for this conversation:\n{w} {w} {w}", "is {w} a {w}", "compare {w} and {w}",
)
FILLER_HEADS: tuple[str, ...] = (
    "Note:", "Context:", "You are working in {path}", "Today is 2025-03-14.", "Working directory: {path}", "Hint:",
    "# Task", "Please be brief.", "Be careful.", "The user works on Linux.", "-", "*", "Remember:", "Platform: linux",
)
