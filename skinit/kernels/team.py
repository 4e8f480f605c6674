"""Threads that share the work of one call.

Work comes in phases, and a phase in items, which may be done in any order by any thread. One thread, the caller, opens
a phase and works on it; helpers work on whatever phase is open. Each thread has a queue with an equal part of the
items, the same in every phase of as many items, so that it finds in its cache what it wrote there before. When its own
queue is empty, it takes from the others'.

A queue's ticket, a word of the `board`, holds the number of the phase and how many items are left. A thread claims an
item by changing that word, so that it cannot claim one of a phase that is over. The caller waits for the items that
others have claimed, and for nothing else: a helper that has no core to run on holds up nothing that it has not begun.
With no helpers the caller does all items.
"""

from .atomics import exchange, give_way, load, nanoseconds, pause, sleep, store
from .compilation import inner

# Entries of a line of the cache; neighbours come in pairs.
_LINE = 16
# Entries of the board: what the caller writes between phases, then two lines for each thread: its queue's ticket, and
# the number of items that it has done.
HELPERS, WAITED, PHASE, N_ITEMS, N_QUEUES, EXPECTED = 0, _LINE, *range(2 * _LINE, 2 * _LINE + 4)
_TICKETS, _DONE, _THREAD = 3 * _LINE, 4 * _LINE, 2 * _LINE
ITEM_BITS = 24
ITEM_MASK = (1 << ITEM_BITS) - 1
# In place of the number of helpers, it sends all of them home.
STOP = -1

# Rounds of a loop that waits: first it only pauses, then it gives way to other threads, then it sleeps.
PAUSES = 2_000
TURNS = 2_200
SLEEP_MICROSECONDS = 50
# Rounds without an item, some seconds, after which a helper leaves, in case that nobody sends it home.
MOST_ROUNDS = TURNS + 30_000
# Rounds of the caller's before it looks at the clock.
UNTIMED_PAUSES = 100


def board_size(n_threads: int) -> int:
    """Entries of the board of so many threads."""
    return _TICKETS + n_threads * _THREAD


@inner
def _first_item(board, queue):
    """The number of the first item of a queue."""
    return board[N_ITEMS] * queue // board[N_QUEUES]


@inner
def open_phase(board, n_items):
    """Let threads claim the items of the next phase."""
    board[PHASE] += 1
    board[N_ITEMS] = n_items
    board[N_QUEUES] = board[HELPERS] + 1
    board[EXPECTED] += n_items
    for queue in range(board[N_QUEUES]):
        size = _first_item(board, queue + 1) - _first_item(board, queue)
        store(board, _TICKETS + queue * _THREAD, (board[PHASE] << ITEM_BITS) | size)


@inner
def is_welcome(board, rank):
    """Whether the thread number `rank` shall work: the caller, which is number 0, and as many helpers as it lets."""
    return rank <= load(board, HELPERS)


@inner
def claim(board, rank):
    """The number of an item that nobody else will do, or -1 if there is none for this thread."""
    n_queues = load(board, N_QUEUES)
    for turn in range(n_queues):
        queue = (rank + turn) % n_queues
        place = _TICKETS + queue * _THREAD
        while is_welcome(board, rank):
            ticket = load(board, place)
            if ticket & ITEM_MASK == 0:
                break
            item = _first_item(board, queue) + (ticket & ITEM_MASK) - 1
            if exchange(board, place, ticket, ticket - 1):
                return item
    return -1


@inner
def finish(board, rank):
    """Tell that an item is done."""
    place = _DONE + rank * _THREAD
    store(board, place, board[place] + 1)


@inner
def _count_done(board):
    """Items done in all phases."""
    n_done = 0
    for place in range(_DONE, board.size, _THREAD):
        n_done += load(board, place)
    return n_done


@inner
def close_phase(board):
    """Wait until all items of the phase are done."""
    expected = board[EXPECTED]
    rounds = 0
    start = 0
    while _count_done(board) != expected:
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
def _leaves(board, rank, rounds):
    """Whether a helper ends after so many rounds without an item; if not, it first waits a little, longer each time."""
    if load(board, HELPERS) == STOP or rounds > MOST_ROUNDS:
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


@inner
def next_item(board, rank):
    """The number of an item for this thread; or -1 for the caller at the end of a phase, and for a helper sent home."""
    rounds = 0
    while True:
        item = claim(board, rank)
        if item >= 0:
            return item
        if rank == 0:
            close_phase(board)
            return -1
        rounds += 1
        if _leaves(board, rank, rounds):
            return -1
