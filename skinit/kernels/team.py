"""Threads that share the work of one call.

Work comes in phases, and a phase in items, which may be done in any order by any thread. One thread, the caller, opens
a phase and works on it; helpers work on whatever phase is open. The word `TICKET` of the `board` holds the number of
the phase and how many of its items nobody has claimed. A thread claims an item by changing that word, so that it cannot
claim one of a phase that is over. The caller waits for the items that others have claimed, and for nothing else: a
helper that has no core to run on holds up nothing that it has not begun. With no helpers the caller does all items.
"""

from .atomics import add, exchange, give_way, load, nanoseconds, pause, sleep, store
from .compilation import inner

# Entries of the board, each in a line of the cache of its own (neighbours come in pairs).
TICKET, DONE, EXPECTED, HELPERS, WAITED, BOARD_SIZE = (16 * entry for entry in range(6))
ITEM_BITS = 24
ITEM_MASK = (1 << ITEM_BITS) - 1
# The ticket that sends helpers home.
STOP = -1

# Rounds of a loop that waits: first it only pauses, then it gives way to other threads, then it sleeps.
PAUSES = 2_000
TURNS = 2_200
SLEEP_MICROSECONDS = 50
# Rounds without an item, some seconds, after which a helper leaves, in case that nobody sends it home.
MOST_ROUNDS = TURNS + 30_000
# Rounds of the caller's before it looks at the clock.
UNTIMED_PAUSES = 100


@inner
def open_phase(board, n_items):
    """Let threads claim the items of the next phase."""
    board[EXPECTED] += n_items
    phase = (load(board, TICKET) >> ITEM_BITS) + 1
    store(board, TICKET, (phase << ITEM_BITS) | n_items)


@inner
def is_welcome(board, rank):
    """Whether the thread number `rank` shall work: the caller, which is number 0, and as many helpers as it lets."""
    return rank <= load(board, HELPERS)


@inner
def claim(board, rank):
    """The number of an item that nobody else will do, or -1 if there is none for this thread."""
    while is_welcome(board, rank):
        ticket = load(board, TICKET)
        if ticket == STOP or ticket & ITEM_MASK == 0:
            break
        if exchange(board, TICKET, ticket, ticket - 1):
            return (ticket & ITEM_MASK) - 1
    return -1


@inner
def finish(board):
    """Tell that an item is done."""
    add(board, DONE, 1)


@inner
def close_phase(board):
    """Wait until all items of the phase are done."""
    expected = board[EXPECTED]
    rounds = 0
    start = 0
    while load(board, DONE) != expected:
        rounds += 1
        if rounds == UNTIMED_PAUSES:
            start = nanoseconds()
        if rounds < PAUSES:
            pause()
        else:
            give_way()
    if rounds >= UNTIMED_PAUSES:
        board[WAITED] += nanoseconds() - start


@inner
def leaves(board, rank, rounds):
    """Whether a helper ends after so many rounds without an item; if not, it first waits a little, longer each time."""
    if load(board, TICKET) == STOP or rounds > MOST_ROUNDS:
        return True
    if not is_welcome(board, rank):
        sleep(20 * SLEEP_MICROSECONDS)
    elif rounds < PAUSES:
        pause()
    elif rounds < TURNS:
        give_way()
    else:
        sleep(SLEEP_MICROSECONDS)
    return False
