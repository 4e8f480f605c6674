"""Threads that share the work of one call.

Work comes in phases. A phase has items, which any thread may do in any order. One thread, the caller, opens a phase and
works on it, and helpers work on the open phase. Each thread has a queue with an equal part of the items. It has the
same part in every phase with the same number of items, so it finds its earlier results in its cache. If its own queue
is empty, it takes items from other queues.

A queue's ticket is one word of the `board`, which holds the number of the phase and the number of items left. A thread
claims an item by changing that word, so it cannot claim an item of an earlier phase. The caller waits only for items
that helpers have claimed, so a helper without a core to run on delays nothing that it has not begun. Without helpers,
the caller does all items.
"""

from .atomics import exchange, give_way, load, nanoseconds, pause, sleep, store
from .compilation import inner

# Entries of a line. It is as long as two cache lines, because processors fetch neighboring cache lines together.
_LINE = 16
# Places in the board. First come the values that the caller writes between phases. Then each thread has two lines, for
# the ticket of its queue and for the number of items that it has done.
HELPERS, WAITED, PHASE, N_ITEMS, N_QUEUES, EXPECTED = 0, _LINE, *range(2 * _LINE, 2 * _LINE + 4)
_TICKETS, _DONE, _THREAD = 3 * _LINE, 4 * _LINE, 2 * _LINE
ITEM_BITS = 24
ITEM_MASK = (1 << ITEM_BITS) - 1
# This value in place of the number of helpers sends all helpers home.
SEND_HOME = -1

# Up to this round, a waiting loop only pauses.
PAUSES = 2_000
# Up to this round, it then gives way to other threads.
TURNS = 2_200
# In each later round, it sleeps this long.
SLEEP_MICROSECONDS = 50
# After this many rounds without an item, which take some seconds, a helper leaves, in case nothing sends it home.
MOST_ROUNDS = TURNS + 30_000
# Rounds that the caller waits before it looks at the clock.
UNTIMED_PAUSES = 100


def board_size(n_threads: int) -> int:
    """Number of entries in a board for this many threads."""
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
    """Whether thread number `rank` may work. Number 0 is the caller, and the caller sets the number of helpers."""
    return rank <= load(board, HELPERS)


@inner
def claim(board, rank):
    """The number of an item that no other thread will do, or -1 if there is none for this thread."""
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
    """Count an item as done."""
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
    """Whether a helper leaves after this many rounds without an item. If not, it waits, longer in later rounds."""
    if load(board, HELPERS) == SEND_HOME or rounds > MOST_ROUNDS:
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
    """The number of an item, or -1 when the phase is over (for the caller) or when sent home (for a helper)."""
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
