"""Threads that share the work of one call.

Work comes in phases. A phase has items, which any thread may do in any order. One thread, the caller, opens a phase and
works on it, and helpers work on the open phase. Each thread has a queue with an equal part of the items. It has the
same part in every phase with the same number of items, so it finds its earlier results in its cache. If its own queue
is empty, it takes items from other queues.

Each queue has a ticket, a word that holds the index of the phase and the number of items left. A thread claims an item
by changing this word, so it cannot claim an item of an earlier phase. The caller waits only for items that helpers have
claimed, so a helper without a core delays only the item that it has begun. Without helpers, the caller does all items.

The threads share the `board`, an int64 vector of shape (board_size(n_threads),), which holds the tickets.
"""

from .atomics import exchange, give_way, load, nanoseconds, pause, sleep, store
from .compilation import inner

# The board is divided into lines of this many entries. A line is as long as two cache lines, because processors fetch
# neighboring cache lines together.
_LINE = 16

# The places of the values that only the caller writes, in three lines.
(
    HELPERS,  # The number of helpers that may work.
    WAITED,  # Nanoseconds that the caller has waited for helpers in this call.
    PHASE,  # The index of the phase.
    N_ITEMS,  # The number of items in the phase.
    N_QUEUES,  # The number of queues in the phase: the helpers' and the caller's.
    EXPECTED,  # The number of items in all phases so far.
) = 0, _LINE, *range(2 * _LINE, 2 * _LINE + 4)
# The place of the first thread's ticket, after the caller's values.
_TICKETS = 3 * _LINE
# The place of the number of items that the first thread has done, in a line of its own.
_DONE = 4 * _LINE
# The distance from the entries of a thread to the entries of the next thread.
_THREAD = 2 * _LINE

# The low bits of a ticket hold the number of items left, and the other bits hold the index of the phase.
ITEM_BITS = 24
# Selects the number of items left.
ITEM_MASK = (1 << ITEM_BITS) - 1
# In place of the number of helpers, this value sends all helpers home.
SEND_HOME = -1

# Up to this round of waiting, a thread keeps its core and only pauses.
PAUSES = 2_000
# From `PAUSES` to this round, a waiting helper gives way to other threads.
TURNS = 2_200
# After `TURNS`, a waiting helper sleeps this long in each round.
SLEEP_MICROSECONDS = 50
# After this many rounds without an item, which take a few seconds, a helper leaves, in case nothing sends it home.
MOST_ROUNDS = TURNS + 30_000
# The caller looks at the clock after this many rounds. Shorter waits are not counted.
UNTIMED_PAUSES = 100


def board_size(n_threads: int) -> int:
    """The number of entries in the board of `n_threads` threads."""
    return _TICKETS + n_threads * _THREAD


@inner
def _first_item(board, queue):
    """The index of the first item in a queue."""
    return board[N_ITEMS] * queue // board[N_QUEUES]


@inner
def open_phase(board, n_items):
    """Open the next phase, so that threads can claim its items."""
    board[PHASE] += 1
    board[N_ITEMS] = n_items
    board[N_QUEUES] = board[HELPERS] + 1
    board[EXPECTED] += n_items
    for queue in range(board[N_QUEUES]):
        size = _first_item(board, queue + 1) - _first_item(board, queue)
        store(board, _TICKETS + queue * _THREAD, (board[PHASE] << ITEM_BITS) | size)


@inner
def is_welcome(board, rank):
    """Whether the thread with this rank may work. Rank 0 is the caller, which sets the number of helpers."""
    return rank <= load(board, HELPERS)


@inner
def claim(board, rank):
    """The index of an item that no other thread will do, or -1 if there is none for this thread."""
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
    """The number of items done in all phases."""
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
    """The index of the next item. -1 tells the caller that the phase is over, and tells a helper to leave."""
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
