"""The tree of commands: each by its name, the function that it imports when it is called, its summary and an example.

Nothing is imported by this page, so that `keel --help` answers at once.
"""

from typing import Final

from cyclopts import Group

START = Group("Start", sort_key=1)
ENGINE = Group("Engine", sort_key=2)
CONTROL = Group("Control", sort_key=3)
OBSERVE = Group("Observe", sort_key=4)
RESEARCH = Group("Research", sort_key=5)
DATA = Group("Data", sort_key=6)
MORE = Group("More", sort_key=7)

COMMANDS: Final = {
    ("demo",): (
        "bin.demo:command",
        START,
        "A sandbox, a paper engine and the monitor: no key, no network.",
        "keel demo --headless --duration 30 --json",
    ),
    ("sandbox",): (
        "surfaces.cli.start:sandbox",
        START,
        "A local Polymarket, generated or replayed.",
        "keel sandbox --port 8642",
    ),
    ("run",): ("bin.run:command", ENGINE, "Run the engine: observe, paper or live.", "keel run --mode paper"),
    ("signer",): (
        "bin.signer:command",
        ENGINE,
        "Hold the private key alone, and sign for an engine within limits of its own.",
        "keel signer --listen /run/keel-signer/signer.sock",
    ),
    ("doctor",): (
        "bin.doctor:command",
        START,
        "Check program, venue and account; no order is sent.",
        "keel doctor --sandbox http://127.0.0.1:8642 --json",
    ),
    ("stop",): (
        "surfaces.cli.control:stop",
        ENGINE,
        "Stop it in good order: no new quotes, orders cancelled, everything written.",
        "keel stop --timeout 30",
    ),
    ("reload",): (
        "surfaces.cli.control:reload",
        ENGINE,
        "Read the configuration anew and go by it, as a whole or not at all; what adds risk asks.",
        "keel reload --dry-run",
    ),
    ("status",): (
        "surfaces.cli.observe:status",
        ENGINE,
        "How it and its markets stand: states, profit, orders, errors.",
        "keel status --watch=1",
    ),
    ("pause",): (
        "surfaces.cli.control:pause",
        CONTROL,
        "Cancel all orders and place none; positions stay. Never asks.",
        "keel pause btc-100k-dec",
    ),
    ("resume",): (
        "surfaces.cli.control:resume",
        CONTROL,
        "Lift a pause, a reduce or a flatten of the same markets; in live it asks.",
        "keel resume",
    ),
    ("reduce",): (
        "surfaces.cli.control:reduce",
        CONTROL,
        "Only lower what can be lost: cancel what could raise it, place nothing that would.",
        "keel reduce fed-cut-jan",
    ),
    ("flatten",): (
        "surfaces.cli.control:flatten",
        CONTROL,
        "Cancel all orders, merge pairs, unwind what is left, then halt. Asks; --dry-run shows the steps.",
        "keel flatten fed-cut-jan --timeout 120",
    ),
    ("kill",): (
        "bin.kill:command",
        CONTROL,
        "Let no order out any more, over restarts too. Never asks; --clear lifts it, --offline needs no engine.",
        'keel kill --reason "prices look wrong"',
    ),
    ("cancel",): (
        "surfaces.cli.orders:cancel",
        CONTROL,
        "Cancel orders by id, or all of them. Never asks.",
        "keel cancel --all --market fed-cut-jan",
    ),
    ("set",): (
        "surfaces.cli.settings:set_values",
        CONTROL,
        "Go by other values, all of them or none; what adds risk asks. --persist writes them to the file.",
        "keel set maker.bid_size=5 inventory.max_net_diff=10 --dry-run",
    ),
    ("get",): (
        "surfaces.cli.settings:get",
        CONTROL,
        "Show values of the configuration as the engine goes by them, and where each is from.",
        "keel get maker risk.wallet_usd --json",
    ),
    ("audit",): (
        "bin.records:audit",
        OBSERVE,
        "Who said which command when, and what came of it; refused ones too. Needs no engine.",
        "keel audit --since 2h --json",
    ),
    ("monitor", "top"): (
        "surfaces.cli.start:monitor",
        OBSERVE,
        "Watch it in the terminal. Leaving never stops the engine.",
        "keel monitor --readonly",
    ),
    ("why",): (
        "surfaces.cli.observe:why",
        OBSERVE,
        "Why a market (or each) is quoted as it is, or not: gates, quotes, the naked leg.",
        "keel why fed-cut-jan",
    ),
    ("book",): (
        "surfaces.cli.observe:book",
        OBSERVE,
        "The book of a market's two tokens, our own orders taken out.",
        "keel book fed-cut-jan --depth 5",
    ),
    ("replay",): (
        "bin.replay:command",
        RESEARCH,
        "Recorded market data through the same actors.",
        "keel replay FILE.jsonl --markets markets.json --json",
    ),
}
"""Name and aliases -> import string, group, summary, example."""

RISK_PAGES: Final = {
    "show": (
        "surfaces.cli.risk:controls",
        "Show where every control stands; the page that `keel risk` alone shows.",
        "keel risk show --all",
    ),
    "explain": (
        "surfaces.cli.risk:explain",
        "Say for each market which limits bind first.",
        "keel risk explain fed-cut-jan",
    ),
}

FAMILIES: Final = (
    (
        "risk",
        OBSERVE,
        "Every risk control: its number, its limit, what it blocks.",
        RISK_PAGES,
    ),
    (
        "markets",
        CONTROL,
        "What is traded: list, on, off, add, remove, show.",
        {
            "list": (
                "surfaces.cli.markets:list_markets",
                "List the markets with their states.",
                "keel markets list --on --json",
            ),
            "on": ("surfaces.cli.markets:on", "Switch markets on.", "keel markets on fed-cut-jan"),
            "off": (
                "surfaces.cli.markets:off",
                "Switch markets off: cancel their orders, prove it, quote no more. What is held stays counted.",
                "keel markets off fed-cut-jan,btc-100k-dec",
            ),
            "add": (
                "surfaces.cli.markets:add",
                "Trade a market too, beside the others.",
                "keel markets add fed-cut-mar",
            ),
            "remove": (
                "surfaces.cli.markets:remove",
                "Forget a market that is off and flat.",
                "keel markets remove fed-cut-jan",
            ),
            "show": (
                "surfaces.cli.markets:show",
                "Show all that is known of one market.",
                "keel markets show fed-cut-jan",
            ),
        },
    ),
    (
        "orders",
        CONTROL,
        "Orders: list, show, cancel.",
        {
            "list": (
                "bin.records:list_orders",
                "List the orders that may still fill; with --past all that there were.",
                "keel orders list --past --since 2h",
            ),
            "show": ("bin.records:show_order", "Show one order, also one that has ended.", "keel orders show 0x3f9a51"),
            "cancel": (
                "surfaces.cli.orders:cancel",
                "Cancel orders by id, or all of them. Never asks.",
                "keel orders cancel 0x3f9a51 0x77e0c2",
            ),
        },
    ),
    (
        "db",
        DATA,
        "The database: is it whole, copy it, bring it up to date.",
        {
            "status": (
                "bin.db:status",
                "Say what it is: its rows, its version, who writes it.",
                "keel db status --json",
            ),
            "verify": (
                "bin.db:verify",
                "Read the whole journal: was any entry edited, removed, inserted or cut off? Exits with 9 if so.",
                "keel db verify --json",
            ),
            "backup": (
                "bin.db:backup",
                "Copy it as it is at this moment, beside a running engine, and read the copy through.",
                "keel db backup /mnt/backups",
            ),
            "migrate": (
                "bin.db:migrate",
                "Bring the tables of an older version up to date, after a copy was made.",
                "keel db migrate --dry-run",
            ),
            "reset": (
                "bin.db:reset",
                "Empty what people read of the past and count profits from now on; the journal stays. Asks.",
                "keel db reset --tables events,decisions",
            ),
            "recover": (
                "bin.db:recover",
                "Set a damaged or restored database aside; the next start asks the venue what is so. Asks.",
                "keel db recover --dry-run",
            ),
        },
    ),
    (
        "wallet",
        START,
        "The private key: encrypt it into a file, say whose it is, try it.",
        {
            "import": (
                "bin.wallet:import_key",
                "Encrypt a private key into a new file. Asks; nothing of it is shown.",
                "keel wallet import --out keystore.json",
            ),
            "show": (
                "bin.wallet:show",
                "Say whose account it is and where each secret stands, never what they are.",
                "keel wallet show --json",
            ),
            "test": (
                "bin.wallet:try_key",
                "Sign something that is not sent, here or at the signer, and check it.",
                "keel wallet test",
            ),
        },
    ),
    (
        "help",
        MORE,
        "Pages: exit-codes.",
        {"exit-codes": ("surfaces.cli.start:exit_codes", "What keel exits with.", "keel help exit-codes")},
    ),
)
"""Commands with commands under them: name, group, summary, and theirs."""
