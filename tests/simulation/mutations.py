"""The mutation check's table: with each of these switched off, one at a time, the suite must fail.

A row says what is switched off and how (a context manager that patches production code from the test side), which
directed tests are tried first, and how many random seeds after them. To add one, append it to ``MUTATIONS``; what makes
it is imported when the row is run, so a row of one depth costs the others nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final, cast

_TRACES: Final = "tests/simulation/consensus/test_traces.py::"
_RULES: Final = "tests/simulation/consensus/test_rules.py::"
_DISKS: Final = "tests/simulation/consensus/test_lost_disks.py::"
_MEMBERSHIP: Final = "tests/simulation/consensus/test_membership_traces.py::"
_ENGINE: Final = "tests/unit/raft/test_engine.py::"
_PROPOSALS: Final = "tests/unit/raft/test_proposals.py::"
_BARRIERS: Final = "tests/unit/raft/test_barriers.py::"
_REPLACEMENT: Final = "tests/unit/raft/test_replacement.py::"
_CLIENTS: Final = "tests/simulation/whole/test_directed_clients.py::"
_DATA: Final = "tests/simulation/whole/test_directed_data.py::"
_FENCING: Final = "tests/simulation/whole/test_fencing.py::"
_WITNESSES: Final = "tests/simulation/whole/test_fencing_witnesses.py::"
_LIMITS: Final = "tests/unit/fencing/test_state_limits.py::"
_READS: Final = "tests/unit/nfs_frontend/test_reads.py::"
_SNAPSHOT: Final = "tests/unit/raft/test_snapshot.py::"
_STREAM: Final = "tests/unit/raft/test_snapshot_stream.py::"
_JOURNAL: Final = "tests/unit/raft/test_journal.py::"
_FOUNDING: Final = "tests/unit/raft/test_founding.py::"
_ADMISSION: Final = "tests/unit/raft/test_admission.py::"

_OUT_OF_SEQUENCE: Final = ("chunk lost", "chunk twice", "chunks swapped")
_OTHER_CONTENT: Final = ("last chunk lost", "bytes changed", "another length")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One row."""

    name: str
    """What the report calls it: the rule that is switched off."""
    off: str
    """``module:function`` that makes the context manager. Its docstring says what is wrong meanwhile."""
    directed: tuple[str, ...] = ()
    """pytest node ids. Each must pass without the mutation and fail with it."""
    depth: str = "consensus"
    nodes: tuple[int, ...] = field(default=(3,))
    """Random seeds are tried with each of these cluster sizes in turn."""
    seeds: int = 0
    """Random seeds tried at the most; 0: what it breaks is no invariant that random seeds look at, or too rare."""
    by_seeds: bool = True
    """That many find it. If they do no more they have gone blind, and their finding nothing anywhere tells less."""
    by: str = ""
    """An exception by which directed tests may fail that is no assertion's: what clients or operators would meet. By
    any other that is none, nothing is caught."""

    def switched_off(self) -> AbstractContextManager[None]:
        return self._maker()()

    def what(self) -> str:
        """What is wrong meanwhile, in a line."""
        return " ".join((self._maker().__doc__ or "").split())

    def _maker(self) -> Callable[[], AbstractContextManager[None]]:
        module, _, function = self.off.partition(":")
        return cast(Callable[[], AbstractContextManager[None]], getattr(importlib.import_module(module), function))


def _consensus(
    name: str, off: str, *directed: str, nodes: tuple[int, ...] = (3,), seeds: int = 60, by_seeds: bool = True
) -> Mutation:
    return Mutation(name, f"tests.simulation.consensus.mutants:{off}", directed, "consensus", nodes, seeds, by_seeds)


def _founding(name: str, off: str, *directed: str, by: str = "") -> Mutation:
    return Mutation(name, f"tests.simulation.consensus.mutants:{off}", directed, "membership", (3, 5), 20, by=by)


def _whole(
    name: str, off: str, *directed: str, seeds: int = 20, by_seeds: bool = True, by: str = ""
) -> Mutation:
    return Mutation(name, f"tests.simulation.whole.mutants:{off}", directed, "whole", (3,), seeds, by_seeds, by)


MUTATIONS: Final[tuple[Mutation, ...]] = (
    _consensus(
        "fsync before send",
        "without_flush",
        _RULES + "test_a_vote_survives_power_loss",
        _ENGINE + "test_everybody_loses_power_at_every_flush[client answered-lost]",
    ),
    _consensus(
        "fsync before send: log entries",
        "log_without_flush",
        _ENGINE + "test_everybody_loses_power_at_every_flush[client answered-lost]",
        _ENGINE + "test_everybody_loses_power_at_every_flush[entry sent and acknowledged-lost]",
    ),
    _consensus(
        "fsync before send: what was dropped from the log",
        "truncation_without_promise",
        _JOURNAL + "test_a_dropped_tail_stays_dropped_when_the_power_goes",
        seeds=0,
    ),
    _consensus(
        "commit before send",
        "send_before_commit",
        _RULES + "test_nothing_promised_leaves_before_the_commit",
    ),
    _consensus(
        "commit before send: the only voter",
        "the_only_voter_sends_early",
        _MEMBERSHIP + "test_the_only_voter_dies_before_its_commit[False]",
        seeds=0,
    ),
    _consensus(
        "fail-stop when a commit fails",
        "failed_commit_unnoticed",
        _ENGINE + "test_after_a_failure_no_turn_hands_over_what_was_not_made_durable",
    ),
    _consensus("vote persistence", "without_vote", _RULES + "test_a_vote_survives_power_loss", by_seeds=False),
    _consensus(
        "term stamp on acks",
        "without_term_stamp",
        _TRACES + "test_b_ack_of_an_old_term_is_not_counted",
        nodes=(5,),
        by_seeds=False,
    ),
    _consensus("truncation rule", "without_truncation_rule", _TRACES + "test_a_late_reset_drops_nothing_acknowledged"),
    _consensus(
        "nextIndex rule",
        "without_next_index_rule",
        _TRACES + "test_acknowledged_entries_are_not_sent_again",
        seeds=0,
    ),
    _consensus(
        "truncation and nextIndex rule (pysyncobj as it is)",
        "stock",
        _TRACES + "test_a_repeated_batch_drops_nothing_acknowledged",
    ),
    _consensus(
        "matchIndex after a lost disk",
        "count_a_lost_disk",
        _DISKS + "test_an_entry_lost_with_a_disk_is_not_counted",
        nodes=(3, 5),
        by_seeds=False,
    ),
    _consensus(
        "snapshot rule: no commit index before it is installed",
        "commit_without_match",
        _TRACES + "test_c_no_tail_of_its_own_is_applied_while_a_snapshot_is_due",
    ),
    _consensus(
        "commit index no higher than what was verified",
        "commit_beyond_match",
        _RULES + "test_a_commit_index_counts_as_far_as_the_log_was_verified",
    ),
    _consensus(
        "snapshot rule: never back", "snapshot_may_go_back", _SNAPSHOT + "test_never_back", nodes=(3, 5), seeds=0
    ),
    _consensus(
        "snapshot rule: what follows the image's last entry stays",
        "snapshot_drops_what_follows",
        _SNAPSHOT + "test_an_image_that_comes_late_drops_nothing_acknowledged",
        seeds=0,
    ),
    _consensus(
        "snapshot rule: the stream's sequence",
        "snapshot_sequence_unchecked",
        *(_STREAM + f"test_a_stream_out_of_sequence_is_refused[{it}]" for it in _OUT_OF_SEQUENCE),
        seeds=0,
    ),
    _consensus(
        "snapshot rule: the stream's length and digest",
        "snapshot_trailer_unchecked",
        *(_STREAM + f"test_a_stream_with_a_mishap_is_refused[{it}]" for it in _OTHER_CONTENT),
        seeds=0,
    ),
    _consensus(
        "snapshot rule: the node's own vote stays",
        "snapshot_without_vote",
        _SNAPSHOT + "test_a_follower_behind_the_log_gets_the_state",
        by_seeds=False,
    ),
    _consensus(
        "snapshot rule: the image's term",
        "snapshot_without_term",
        _SNAPSHOT + "test_an_image_of_a_later_term_brings_its_term",
        seeds=0,
    ),
    _consensus(
        "vote only for a log that is up to date",
        "vote_for_any_log",
        _RULES + "test_a_vote_goes_to_no_log_that_lacks_something",
        by_seeds=False,
    ),
    _consensus("vote count", "without_vote_count", _RULES + "test_a_vote_counts_once", seeds=0),
    _consensus(
        "PreVote",
        "without_pre_vote",
        _RULES + "test_a_returning_node_does_not_depose_the_leader",
        seeds=0,
    ),
    _consensus(
        "stickiness",
        "without_stickiness",
        _RULES + "test_who_hears_a_leader_votes_for_nobody_else",
        _RULES + "test_who_hears_a_leader_grants_nobody_a_pre_vote",
        seeds=0,
    ),
    _consensus(
        "quarantine of a replaced node",
        "without_quarantine",
        _REPLACEMENT + "test_a_node_that_lost_its_disk_promises_nothing_until_it_has_caught_up",
    ),
    _consensus(
        "quarantine: no vote for who asks for it",
        "vote_in_quarantine",
        _DISKS + "test_a_voter_in_quarantine_votes_for_nobody",
        seeds=0,
    ),
    _consensus(
        "quarantine: no pre-vote",
        "pre_vote_in_quarantine",
        _DISKS + "test_a_voter_in_quarantine_grants_nobody_a_pre_vote",
        seeds=0,
    ),
    _consensus(
        "quarantine until every other voter is heard",
        "quarantine_of_a_majority",
        _DISKS + "test_a_vote_lost_with_a_disk_is_not_given_again",
        seeds=0,
    ),
    _consensus(
        "quarantine: everybody heard at one time",
        "quarantine_heard_piecemeal",
        _DISKS + "test_a_wiped_voter_hears_everybody_at_one_time",
        seeds=0,
    ),
    _consensus(
        "current-term rule for commits",
        "commit_older_terms",
        _RULES + "test_an_older_terms_entry_is_not_committed_by_count",
        nodes=(5, 3),
        by_seeds=False,
    ),
    _consensus("majority for commits", "commit_by_minority", _ENGINE + "test_a_leader_without_quorum_steps_down"),
    _consensus(
        "ReadIndex confirmation",
        "without_read_confirmation",
        _BARRIERS + "test_a_deposed_leader_answers_no_read",
    ),
    _consensus(
        "reads: no voter of a later term confirms",
        "confirm_in_any_term",
        _RULES + "test_a_voter_of_a_later_term_vouches_for_no_read",
        seeds=0,
    ),
    _consensus(
        "reads: no voter that lost its term confirms",
        "confirm_without_memory",
        _RULES + "test_a_voter_that_lost_its_term_vouches_for_no_read",
        seeds=0,
    ),
    _consensus(
        "reads: no voter in quarantine confirms",
        "confirm_in_quarantine",
        _DISKS + "test_a_voter_in_quarantine_vouches_for_no_read",
        seeds=0,
    ),
    _consensus(
        "reads: no voter in quarantine asks",
        "read_in_quarantine",
        _DISKS + "test_a_voter_in_quarantine_asks_for_no_read",
        seeds=0,
    ),
    _consensus(
        "reads after an entry of the leader's own term",
        "read_before_own_commit",
        _BARRIERS + "test_a_new_leader_parks_reads_until_it_has_committed",
    ),
    _consensus(
        "reads after this node has applied",
        "read_before_apply",
        _BARRIERS + "test_a_read_waits_until_this_node_has_applied",
    ),
    _consensus(
        "proposals' numbers (exactly once)",
        "without_numbers",
        _PROPOSALS + "test_repeated_forwards_fall_out_in_apply",
    ),
    _consensus(
        "numbers above a lost disk's",
        "number_of_a_lost_disk",
        _REPLACEMENT + "test_a_replacement_whose_clock_is_behind_is_served",
        by_seeds=False,
    ),
    _consensus(
        "lease clock goes on from the log's",
        "lease_clock_restarts",
        _PROPOSALS + "test_the_clock_of_leases_never_goes_back",
    ),
    _consensus(
        "lease clock counts no time twice",
        "lease_clock_counts_twice",
        _PROPOSALS + "test_the_clock_of_leases_counts_no_time_twice",
    ),
    _founding(
        "founding: by all, met at one time",
        "founded_by_some",
        _FOUNDING + "test_a_cluster_is_founded_when_each_has_met_all",
        _FOUNDING + "test_two_lost_disks_do_not_make_a_cluster",
    ),
    _founding(
        "founding: members say with whom",
        "founders_unknown",
        _FOUNDING + "test_who_founded_first_knows_the_disks_of_those_who_still_wait",
        by="DiskLost",
    ),
    _founding(
        "founding: nobody takes part before it is a member",
        "member_at_once",
        _ADMISSION + "test_a_founder_hears_of_no_connection_before_it_is_a_member",
    ),
    _whole(
        "reply-cache write",
        "without_reply_cache",
        _CLIENTS + "test_a_retransmission_to_another_node_gets_the_first_reply",
        by="NfsError",
    ),
    _whole(
        "reply-cache write in the same transaction",
        "reply_in_a_later_transaction",
        _CLIENTS + "test_a_node_that_dies_with_a_change_just_made_has_the_reply",
        by="NfsError",
    ),
    _whole(
        "slot rule after failover",
        "strict_slots",
        _CLIENTS + "test_a_slot_of_which_the_new_node_knows_less",
    ),
    _whole(
        "lease expiry by log time",
        "leases_by_wall_clock",
        _CLIENTS + "test_a_lease_runs_out_by_the_logs_clock_alone",
        by_seeds=False,
    ),
    _whole(
        "what a lost node had heard of counts",
        "without_lease_floor",
        _CLIENTS + "test_a_renewal_that_died_with_its_node_counts",
        by_seeds=False,
    ),
    _whole(
        "leases run out where every node has reported",
        "without_waiting_for_reports",
        _CLIENTS + "test_a_renewal_that_is_reported_late_counts",
        by_seeds=False,
    ),
    _whole(
        "layout fencing epoch",
        "without_fence_epoch",
        _DATA + "test_a_layout_is_revoked_while_a_data_server_is_cut_off",
    ),
    _whole(
        "fence in force before it is reported",
        "without_waiting_for_fences",
        _DATA + "test_a_layout_is_revoked_while_a_data_server_is_cut_off",
    ),
    _whole(
        "what a client does not know of is fenced",
        "trusting_nomatching",
        _DATA + "test_a_recall_that_reaches_its_client_before_the_grant",
        seeds=60,
    ),
    _whole(
        "a client is fenced before it is dropped",
        "lapsed_clients_dropped_unfenced",
        _DATA + "test_a_silent_client_is_dropped_only_when_data_servers_refuse_its_data[layout]",
    ),
    _whole(
        "a client is fenced before its locks go",
        "lapsed_clients_fenced_late",
        _DATA + "test_a_silent_client_is_dropped_only_when_data_servers_refuse_its_data[layout]",
    ),
    _whole(
        "a client is dropped when nobody can write for it",
        "lapsed_clients_written_for",
        _DATA + "test_a_silent_client_is_dropped_only_when_data_servers_refuse_its_data[metadata server]",
    ),
    _whole(
        "a new leader gives data servers time to be heard",
        "data_servers_down_at_failover",
        _DATA + "test_a_failover_is_no_io_error",
    ),
    _consensus(
        "a leader's word counts in its term",
        "late_words",
        _PROPOSALS + "test_a_leaders_word_never_gets_into_the_log_of_another",
        _DATA + "test_what_a_leader_missed_dies_with_his_term[True]",
    ),
    _whole(
        "a failover is no I/O error",
        "io_errors_at_failover",
        _DATA + "test_a_failover_is_no_io_error",
        by="NfsError",
    ),
    _whole(
        "data servers obey the latest leader only",
        "obeying_everybody",
        _DATA + "test_a_cut_that_an_overtaken_leader_sends_late_does_nothing",
        seeds=0,
    ),
    _whole(
        "data servers remember whom they obeyed",
        "forgetful_data_servers",
        _DATA + "test_a_cut_that_an_overtaken_leader_sends_before_a_data_server_has_heard_anybody",
        seeds=0,
    ),
    Mutation(
        "a leader that was refused asks its quorum",
        "tests.simulation.whole.mutants:undoubting_leaders",
        ("tests/unit/control/test_mandates.py::test_a_refused_leader_does_nothing_until_a_quorum_says_that_it_leads",),
        "whole",
    ),
    Mutation(
        "a fenced process's claims are void",
        "tests.simulation.whole.mutants:claims_outlive_their_process",
        (f"{_FENCING}test_what_a_fenced_node_writes_late_for_a_client_is_refused",),
        "whole",
    ),
    Mutation(
        "a proof of leadership of an earlier term counts for nothing",
        "tests.simulation.whole.mutants:proofs_of_any_term",
        (f"{_FENCING}test_of_two_halves_that_both_mean_to_only_the_majority_does",),
        "whole",
    ),
    Mutation(
        "a decision that somebody tried to carry out counts",
        "tests.simulation.whole.mutants:attempts_given_back",
        (f"{_LIMITS}test_what_was_tried_counts_though_it_is_taken_back[heard again-it failed]",),
        "whole",
    ),
    Mutation(
        "a decision that nobody tried does not count",
        "tests.simulation.whole.mutants:nothing_given_back",
        (f"{_LIMITS}test_what_nobody_tried_does_not_count[heard again]",),
        "whole",
    ),
    Mutation(
        "a leader fences whom it, or a witness, had met",
        "tests.simulation.whole.mutants:everybody_counts_as_met",
        (f"{_WITNESSES}test_a_cluster_that_starts_as_a_whole_has_no_witness[3-1]",),
        "whole",
    ),
    Mutation(
        "a witness tells of those that it had met",
        "tests.simulation.whole.mutants:credulous_witnesses",
        (f"{_WITNESSES}test_a_cluster_that_starts_as_a_whole_has_no_witness[3-1]",),
        "whole",
    ),
    Mutation(
        "guesses of reads hold for one state",
        "tests.simulation.whole.mutants:stale_guesses",
        (
            _READS + "test_a_guess_on_a_state_that_has_changed_is_thrown_away",
            _READS + "test_a_read_shows_what_was_committed_while_it_waited",
        ),
        "whole",
    ),
)
