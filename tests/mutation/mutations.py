"""Each guard and each proof, broken once: where, how, and the tests that must notice.

Add one beside every guard and every proof that you add. `before` stands exactly once in the file.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One way to break the program.

    Attributes:
        what: the protection that is gone.
        file: in which module, seen from the root of the repository.
        before: text that stands there once.
        after: what it is replaced by.
        tests: of which at least one must go red.
    """

    what: str
    file: str
    before: str
    after: str
    tests: tuple[str, ...]

    @property
    def id(self) -> str:
        return self.what.replace(" ", "-")


DOUBT = "tests/unit/engine/test_doubt.py"
LEAVERS = "tests/unit/engine/test_leavers.py"
HOLDS = "tests/unit/engine/test_holds.py"
APPLYING = "tests/unit/engine/test_applying.py"
RUNNING = "tests/unit/engine/test_running.py"
UNSETTLED = "tests/unit/engine/test_unsettled.py"
BUDGET = "tests/unit/engine/test_budget.py"
MEMORY = "tests/unit/engine/test_bad_memory.py"
ALONE = "tests/unit/core/test_alone.py"
RESYNC = "tests/unit/engine/test_resync.py"
FADED = f"{DOUBT}::TestAnAttributeThatFarFewerPeopleHave"

MACHINE = "tests/property/test_never_on_doubt.py"
CHANGED = "tests/unit/engine/test_changed_configuration.py"

MUTATIONS = (
    Mutation(
        "what far fewer people have is withheld",
        "iwds/core/doubt.py",
        "    return (not now and expected >= HIDDEN_FLOOR) or expected - now > max(LOST_FLOOR, ratio * expected)",
        "    return False",
        (f"{FADED}::test_clears_nothing",),
    ),
    Mutation(
        "what was withheld is carried to the next night",
        "iwds/core/doubt.py",
        "presence={**proof.presence, **known}",
        "presence=proof.presence",
        (f"{FADED}::test_is_not_forgotten_until_the_next_night",),
    ),
    Mutation(
        "who was mapped with a faded attribute is mapped again",
        "iwds/engine/people.py",
        "            self.waist.forget_people()\n",
        "",
        (f"{FADED}::test_clears_nothing",),
    ),
    Mutation(
        "only as many faded attributes are accepted as were allowed",
        "iwds/engine/people.py",
        "<= self.allow.get(UNREADABLE, 0)",
        "<= self.allow.get(UNREADABLE, 99)",
        (f"{FADED}::test_clears_nothing",),
    ),
    Mutation(
        "the last look withholds what the plan withheld",
        "iwds/engine/verify.py",
        "self.job.rules.attributes - withheld",
        "self.job.rules.attributes",
        (f"{FADED}::test_is_withheld_from_the_last_look_too",),
    ),
    Mutation(
        "a withheld attribute makes somebody look",
        "iwds/engine/running.py",
        "(plan.held, basis.withheld, basis.unproven, moved,",
        "(plan.held, basis.unproven, moved,",
        (f"{FADED}::test_wants_somebody_to_look_at_it",),
    ),
    Mutation(
        "people in any group are counted",
        "iwds/engine/groups_read.py",
        "GROUPS: members[GROUPS], **named}",
        "**named}",
        (f"{DOUBT}::TestGroups::test_of_everybody_that_are_gone_at_once_take_nobody_out",),
    ),
    Mutation(
        "people in each named group are counted",
        "iwds/engine/groups_read.py",
        "GROUPS: members[GROUPS], **named}",
        "GROUPS: members[GROUPS]}",
        (f"{DOUBT}::TestGroups::test_one_that_nobody_is_in_any_more_takes_nobody_out",),
    ),
    Mutation(
        "a group that could not be read is not left",
        "iwds/mapping/groups.py",
        "names(person.groups):\n            return True\n        return None if name in person.entry.unread else False",
        "names(person.groups):\n            return True\n        return False",
        ("tests/unit/mapping/test_conditions.py::test_a_group_that_could_not_be_read_is_neither_joined_nor_left",),
    ),
    Mutation(
        "a missing canary speaks against the reading",
        "iwds/sources/_stream.py",
        "for name in self.canaries.missing())",
        "for name in ())",
        (f"{DOUBT}::TestCanaries",),
    ),
    Mutation(
        "a second count is taken before something is taken away",
        "iwds/engine/people.py",
        "proofs = [_doubted(p, self._second_count(sources[p.name], p)) for p in proofs]",
        "proofs = list(proofs)",
        (f"{DOUBT}::TestTheSecondCount::test_that_differs_makes_a_reading_unproven",),
    ),
    Mutation(
        "a second count of a directory is compared",
        "iwds/sources/_ldapread.py",
        "        if read != counted:",
        "        if False:",
        ("tests/integration/ldap/test_doubt.py::test_a_second_count_that_differs_is_told",),
    ),
    Mutation(
        "a file is compared with the one that was read",
        "iwds/sources/ldif.py",
        "() if checksum.hexdigest() == proof.view.mark else",
        "() if checksum else",
        ("tests/unit/sources/test_ldif.py::TestTheSecondLook::test_tells_a_file_that_was_replaced",),
    ),
    Mutation(
        "a place that is not seen any more speaks against the reading",
        "iwds/engine/people.py",
        "hidden = not source.shows(place)",
        "hidden = False",
        (f"{DOUBT}::TestAPlaceInTheTree::test_that_is_not_seen_any_more_takes_nobodys_access",),
    ),
    Mutation(
        "another account makes other eyes",
        "iwds/core/doubt.py",
        "    if before and now and before != now:",
        "    if False:",
        (f"{DOUBT}::TestOtherEyes::test_make_a_reading_unproven",),
    ),
    Mutation(
        "a server that was set back is not believed",
        "iwds/core/doubt.py",
        "or proof.view.ended >= baseline.view.began:",
        "or proof.view.ended >= 0:",
        (f"{DOUBT}::TestAChangeCounter::test_that_was_set_back_disproves_the_reading",),
    ),
    Mutation(
        "more deletions than changes disprove the reading",
        "iwds/engine/people.py",
        "            if gone > possible:",
        "            if False:",
        (f"{DOUBT}::TestAChangeCounter::test_that_moved_less_than_people_are_gone_disproves_the_reading",),
    ),
    Mutation(
        "people who were gone before are not deleted again",
        "iwds/engine/people.py",
        "gone=len(anchors)",
        "gone=0",
        (f"{DOUBT}::TestAChangeCounter::test_does_not_count_those_who_were_gone_before",),
    ),
    Mutation(
        "a foreign directory cannot say that nobody is there",
        "iwds/engine/lookup.py",
        "    if foreign and len(foreign) == asked:",
        "    if False:",
        ("tests/unit/engine/test_verify.py::TestAfterAFailover",),
    ),
    Mutation(
        "a directory tells people of another one apart",
        "iwds/sources/ldap.py",
        "        if anchor is not None and anchor.realm != directory.realm:",
        "        if False:",
        ("tests/contract/test_source_ldap.py",),
    ),
    Mutation(
        "an unproven reading takes nothing away",
        "iwds/core/assembly.py",
        "        if basis.unproven and (change.evidence is Evidence.UNSEEN or not self.selection.only):",
        "        if False:",
        (f"{DOUBT}::test_an_unproven_reading_has_no_override",),
    ),
    Mutation(
        "an absence has no way around the proof",
        "iwds/core/assembly.py",
        "(change.evidence is Evidence.UNSEEN or not self.selection.only)",
        "(not self.selection.only)",
        (f"{DOUBT}::test_an_unproven_reading_has_no_override",),
    ),
    Mutation(
        "a reading that a guard stopped is no measure",
        "iwds/engine/running.py",
        "        if not plan.violations:\n            # A job that only reports",
        "        if True:\n            # A job that only reports",
        (f"{DOUBT}::TestTheMeasureOfLaterReadings::test_is_not_what_a_guard_stopped",),
    ),
    Mutation(
        "slow erosion is measured against the largest reading",
        "iwds/engine/planning.py",
        "before[p.name].most",
        "before[p.name].count",
        (f"{DOUBT}::TestTheMeasureOfLaterReadings::test_slow_erosion_is_seen_against_the_largest_reading",),
    ),
    Mutation(
        "the result code of every page is looked at",
        "iwds/sources/_search.py",
        "            if page.code != SUCCESS:",
        "            if False:",
        ("tests/integration/ldap/test_reading.py::test_a_size_limit_in_mid_reading_makes_it_unproven",),
    ),
    Mutation(
        "a part of the members is not all of them",
        "iwds/sources/_ldapread.py",
        "        if attribute not in group.incomplete:",
        "        if True:",
        ("tests/unit/sources/test_ldapread.py::test_a_group_that_came_in_part_makes_all_groups_unknown",),
    ),
    Mutation(
        "parts of the members must join",
        "iwds/sources/_ranges.py",
        '    if int(said["first"]) != first or count != len(found) or not found:',
        "    if False:",
        ("tests/unit/sources/test_ranges.py::test_parts_that_do_not_join_are_not_believed",),
    ),
    Mutation(
        "a group that changes while its parts are read is read again",
        "iwds/sources/_ranges.py",
        "        if all(part.state == parts[0].state for part in parts):",
        "        if True:",
        ("tests/unit/sources/test_ranges.py::test_a_group_that_never_stands_still_is_not_believed",),
    ),
    Mutation(
        "a child domain is not passed over like a partition without people",
        "iwds/sources/_search.py",
        "            self._references += [url for url in page.references if not peopleless(url)]",
        "            self._references += []",
        ("tests/unit/sources/test_search.py::test_a_reference_to_a_partition_without_people_is_none_to_people",),
    ),
    Mutation(
        "a group without members is doubted where all are",
        "iwds/sources/_ldapread.py",
        "        if not self._groups.have_members():",
        "        if False:",
        ("tests/unit/sources/test_ldapread.py::test_groups_without_a_single_member_are_not_believed",),
    ),
    Mutation(
        "a trailer is compared with what was read",
        "iwds/sources/ldif.py",
        "    if int(match[1]) != ending.records:",
        "    if False:",
        ("tests/unit/sources/test_ldif.py::TestCompleteness::test_another_trailer_proves_nothing",),
    ),
    Mutation(
        "nobody is deleted before the grace has passed",
        "iwds/core/leaving.py",
        "if deletion_due(left_at, world) <= world.now else",
        "if left_at <= world.now else",
        (f"{LEAVERS}::TestALeaver::test_is_deleted_after_the_grace_and_not_a_moment_before",),
    ),
    Mutation(
        "whoever was used since the lock waits again",
        "iwds/core/leaving.py",
        "if left_at is None or _used_since(login, left_at):",
        "if left_at is None:",
        (f"{LEAVERS}::TestALeaver::test_whose_login_was_used_since_the_lock_waits_for_a_whole_grace_again",),
    ),
    Mutation(
        "whoever came back is no leaver any more",
        "iwds/engine/running.py",
        "tally.graces.end, None, self.lease)",
        "(), None, self.lease)",
        (f"{LEAVERS}::TestALeaver",),
    ),
    Mutation(
        "a grace begins on proven readings only",
        "iwds/engine/running.py",
        "or not _accepts(plan, applied):\n            return",
        "or False:\n            return",
        (f"{LEAVERS}::TestTheGraceOfALeaver",),
    ),
    Mutation(
        "a grace begins with the lock that was made",
        "iwds/engine/running.py",
        "(graces.with_lock & locked)",
        "graces.with_lock",
        (f"{LEAVERS}::TestTheGraceOfALeaver::test_does_not_begin_where_the_lock_was_not_made",),
    ),
    Mutation(
        "whoever the directory still knows is not deleted",
        "iwds/core/leaving.py",
        "    if gone and policy is Leaver.DELETE:",
        "    if policy is Leaver.DELETE:",
        (
            f"{LEAVERS}::TestWhomTheDirectoryStillKnows",
            "tests/unit/core/test_decide.py",
        ),
    ),
    Mutation(
        "whoever moved out of the base is locked instead",
        "iwds/engine/planning.py",
        "            decisions = self._parted(decisions)",
        "            pass",
        (f"{LEAVERS}::TestWhomTheDirectoryStillKnows::test_is_locked_where_they_moved_out_of_base_or_filter",),
    ),
    Mutation(
        "the last look deletes nobody who is there",
        "iwds/engine/verify.py",
        "        if found and isinstance(change, DeleteLogin):",
        "        if False:",
        ("tests/unit/engine/test_verify.py",),
    ),
    Mutation(
        "a deletion whose loss cannot be read is held",
        "iwds/engine/parting.py",
        '            return _held(decision, f"what would be lost',
        '            return decision or _held(decision, f"what would be lost',
        (f"{LEAVERS}::TestADeletion::test_is_held_while_that_cannot_be_read",),
    ),
    Mutation(
        "nothing is taken from whom a person holds",
        "iwds/core/decide.py",
        "        if exempt and isinstance(decision, Proposal)",
        "        if False and exempt and isinstance(decision, Proposal)",
        (HOLDS,),
    ),
    Mutation(
        "the last look asks for holds",
        "iwds/engine/verify.py",
        " or self._exempt(change)\n",
        "\n",
        (f"{HOLDS}::test_a_hold_that_comes_during_the_run_is_seen_before_the_removal",),
    ),
    Mutation(
        "what makes two people rivals is accepted by a person alone",
        "iwds/engine/running.py",
        "not opened and any(map(has_twin, plan.skips))",
        "False",
        (CHANGED,),
    ),
    Mutation(
        "rules that hardly anybody fits are not accepted",
        "iwds/engine/running.py",
        " or plan.basis.untried or (only and",
        " or (only and",
        (CHANGED,),
    ),
    Mutation(
        "a run with an older memory accepts no configuration",
        "iwds/engine/running.py",
        " or plan.basis.tally.older",
        "",
        (CHANGED,),
    ),
    Mutation(
        "what a hold spares of a changed configuration is accepted by a person alone",
        "iwds/engine/running.py",
        "else {Reason.HELD, Reason.EXEMPT, Reason.TAKEN}",
        "else {Reason.HELD, Reason.TAKEN}",
        (CHANGED,),
    ),
    Mutation(
        "a renamed job accepts nothing that takes from people of its last name",
        "iwds/engine/running.py",
        "_accepts(plan, applied) and not self._took_over(plan)",
        "_accepts(plan, applied)",
        (f"{CHANGED}::TestARenamedJob",),
    ),
    Mutation(
        "another provisioning id is refused while logins carry the last one",
        "iwds/engine/planning.py",
        "        refuse_orphans(job, self.tools.state, memory)\n",
        "",
        (f"{CHANGED}::TestAnotherProvisioningId",),
    ),
    Mutation(
        "nobody is renamed while their deletion waits",
        "iwds/core/previous.py",
        "(only(write, {Kind.LOCK}) for write in then",
        "(write for write in then",
        (f"{CHANGED}::TestAChangedPolicyForLeavers",),
    ),
    Mutation(
        "what only a changed configuration takes waits",
        "iwds/core/assembly.py",
        "        if change.evidence is Evidence.RULE and not self._gate_open:",
        "        if False:",
        (f"{CHANGED}::TestAChangedScope::test_waits_whatever_its_number_until_that_number_is_accepted",),
    ),
    Mutation(
        "the configuration last applied is asked",
        "iwds/core/previous.py",
        "    if _DELETED in taken or _taken(change) <= taken:",
        "    if True:",
        (f"{CHANGED}::TestAChangedScope::test_holds_those_whom_only_it_leaves_out_and_lets_the_directory_go_on",),
    ),
    Mutation(
        "a write is parted by whose doing it is",
        "iwds/core/previous.py",
        "if not taken.issuperset(_field_taken(change, name))]",
        "if False]",
        (f"{CHANGED}::TestAWrite::test_is_parted_into_what_the_directory_asks_for_and_what_the_rules_do",),
    ),
    Mutation(
        "a base of earlier is asked whether it held somebody",
        "iwds/engine/judging.py",
        "            if _selects(source, anchor):\n",
        "            if False:\n",
        (f"{CHANGED}::TestAChangedBase::test_holds_those_whom_it_does_not_read_any_more",),
    ),
    Mutation(
        "only so many people are judged",
        "iwds/engine/judging.py",
        "self.judged > MOST_JUDGED",
        "self.judged > MOST_JUDGED * 99",
        (f"{CHANGED}::TestWhatCannotBeJudged::test_waits_where_there_are_too_many",),
    ),
    Mutation(
        "what the rules of earlier read is watched too",
        "iwds/engine/people.py",
        "        return (self.job.rules, self.before) if self.before else (self.job.rules,)",
        "        return (self.job.rules,)",
        (f"{CHANGED}::TestWhatCannotBeJudged::test_is_not_what_an_account_may_not_see_any_more",),
    ),
    Mutation(
        "a harder policy for leavers is accepted only where it shows",
        "iwds/core/configuration.py",
        "    if not before or not now or took_effect:",
        "    if True:",
        (
            f"{CHANGED}::TestAChangedPolicyForLeavers::test_slipped_in_on_a_quiet_night_still_waits_when_somebody_leaves",
        ),
    ),
    Mutation(
        "another tag holds every removal until somebody accepts it",
        "iwds/core/assembly.py",
        "basis.tally.retagged > self.selection.allow.get(RETAGGED, 0)",
        "basis.tally.retagged > self.selection.allow.get(RETAGGED, 99)",
        (f"{CHANGED}::TestARetaggedLogin::test_is_accepted_by_number_and_its_new_tag_is_remembered",),
    ),
    Mutation(
        "managers and administrators are counted",
        "iwds/core/guards.py",
        "    Kind.PROMOTE: GuardKind.PROMOTE,\n",
        "",
        (f"{CHANGED}::test_a_group_nested_by_mistake_makes_nobody_an_administrator",),
    ),
    Mutation(
        "no call begins that the lease may not outlast",
        "iwds/engine/applying.py",
        'return "" if self.hands.lease.outlives(self.job.target.timeout) else',
        'return "" if True else',
        (f"{APPLYING}::TestTheLease::test_that_is_about_to_end_begins_no_call",),
    ),
    Mutation(
        "whoever lost the lease writes nothing",
        "iwds/state/leases.py",
        "    if not held:",
        "    if False:",
        (f"{APPLYING}::TestTheLease::test_that_somebody_else_took_ends_the_run_before_the_next_call",),
    ),
    Mutation(
        "a run that broke off calls no more",
        "iwds/engine/applying.py",
        "if self.over.is_set() or (hold",
        "if (hold",
        (f"{APPLYING}::TestTheLease::test_that_is_lost_leaves_a_lock_that_came_meanwhile_to_the_next_run",),
    ),
    Mutation(
        "a run that lost its lease teaches nothing",
        "iwds/state/runs.py",
        "        if lease:\n            fence(connection, row.service",
        "        if False:\n            fence(connection, row.service",
        (f"{RUNNING}::test_a_run_that_lost_its_lease_before_its_end_does_not_say_that_the_job_was_applied",),
    ),
    Mutation(
        "every write looks at the login first",
        "iwds/engine/verify.py",
        "        if not removes(change):\n            return self._service(change)",
        '        if not removes(change):\n            return ""',
        ("tests/unit/engine/test_verify.py::TestWhatTakesNothing",),
    ),
    Mutation(
        "what is open is settled before the plan",
        "iwds/engine/running.py",
        "            settle_open_intents(self.job, self.tools, journal, make_writer)",
        "            pass",
        (f"{RUNNING}::TestWhatAnEarlierRunLeftOpen",),
    ),
    Mutation(
        "an intent without an outcome is open",
        "iwds/state/journal.py",
        "or_(outcome.c.intent.is_(None), outcome.c.result == Result.UNKNOWN.value)",
        "outcome.c.result == Result.UNKNOWN.value",
        (f"{UNSETTLED}::TestAMembership",),
    ),
    Mutation(
        "a lock that a dying run undid is made again",
        "iwds/engine/unsettled.py",
        "case Write() if not self._kept_locked(change):",
        "case Write() if False:",
        (f"{RUNNING}::TestAHold::test_that_crossed_the_last_write_of_a_run_that_died_is_made_by_the_next_one",),
    ),
    Mutation(
        "a membership in another role is not taken for ours",
        "iwds/engine/unsettled.py",
        " if self.target.role_in(change.group.id, login_id) == change.role else Result.UNKNOWN",
        "",
        (f"{UNSETTLED}::TestAMembership::test_in_another_role_than_was_given_is_left_to_the_next_plan",),
    ),
    Mutation(
        "a link that may not have been mailed is told",
        "iwds/engine/planning.py",
        "[*told_unmailed(unmailed(job, tools))]",
        "list[str]()",
        (f"{UNSETTLED}::TestAMail",),
    ),
    Mutation(
        "guards count a run that was killed",
        "iwds/state/runs.py",
        "recent=_recent(connection, key, since)",
        "recent={}",
        (f"{UNSETTLED}::test_guards_count_what_a_run_made_that_was_killed",),
    ),
    Mutation(
        "too many failures stop a run",
        "iwds/engine/budget.py",
        "        if failures > allowed:",
        "        if False:",
        (f"{BUDGET}::TestFailures",),
    ),
    Mutation(
        "a silent service stops a run",
        "iwds/engine/budget.py",
        "        if self._silent >= self._budget.silent:",
        "        if False:",
        (f"{BUDGET}::TestSilence",),
    ),
    Mutation(
        "a deadline stops a run",
        "iwds/engine/budget.py",
        "        if self._until is not None and",
        "        if False and self._until is not None and",
        (f"{BUDGET}::TestADeadline",),
    ),
    Mutation(
        "an older memory takes nothing",
        "iwds/engine/planning.py",
        "        if alone and memory.applied_before",
        "        if False and memory.applied_before",
        (f"{MEMORY}::TestABackupThatIsPutBack",),
    ),
    Mutation(
        "an older memory forgets which locks are ours",
        "iwds/engine/running.py",
        "        if tally.older:",
        "        if False:",
        (f"{MEMORY}::TestABackupThatIsPutBack",),
    ),
    Mutation(
        "a grace of an older memory begins anew",
        "iwds/state/ledger.py",
        "values(locked=False, left_at=None)",
        "values(locked=False)",
        ("tests/contract/test_state.py",),
    ),
    Mutation(
        "a memory that was replaced is written to no more",
        "iwds/state/engine.py",
        "        if self._identity != _identity(self._file):",
        "        if False:",
        (f"{MEMORY}::TestAMemoryThatFails",),
    ),
    Mutation(
        "a lock of another hand is not undone",
        "iwds/core/decide.py",
        "(hold or not row.locked):",
        "hold:",
        (MACHINE,),
    ),
    Mutation(
        "a login that stores another anchor is nobody else's",
        "iwds/core/recognise.py",
        'return "" if held in ("", stored_form(self.account.anchor)) else',
        'return "" if True else',
        ("tests/unit/core/test_recognise.py",),
    ),
    Mutation(
        "of several logins none is matched",
        "iwds/core/recognise.py",
        "        if len(logins) > 1:",
        "        if False:",
        ("tests/unit/core/test_recognise.py",),
    ),
    Mutation(
        "a stored anchor that contradicts is not overwritten",
        "iwds/core/decide.py",
        "    if contradicts(account, login, world):",
        "    if False:",
        ("tests/unit/core/test_recognise.py",),
    ),
    Mutation(
        "a name does not lead to the login of somebody else",
        "iwds/core/recognise.py",
        "        free = tuple(login for login in logins if not self.around.has_row(login.id))",
        "        free = logins",
        (MACHINE,),
    ),
    Mutation(
        "a resync removes nobody who was not found",
        "iwds/engine/resync.py",
        "*absent_alone(one.on_absence, one.tombstone)",
        "*one.on_absence",
        (f"{RESYNC}::TestWhatWasNotSeen::test_locks_nobody_who_left_the_base_and_deletes_nobody",),
    ),
    Mutation(
        "a tombstone is what a directory shows, and not that nobody is found",
        "iwds/engine/one.py",
        "                if source.deleted(anchor):",
        "                if True:",
        (f"{RESYNC}::TestWhatWasNotSeen::test_locks_nobody_who_is_not_found",),
    ),
    Mutation(
        "a tombstone deletes nobody by a resync",
        "iwds/core/alone.py",
        "        return _held(decision, Reason.UNPROVEN, NO_DELETION)",
        "        return decision",
        (f"{ALONE}::TestATombstone::test_deletes_nobody",),
    ),
    Mutation(
        "a tombstone that is no longer shown locks nobody",
        "iwds/engine/verify.py",
        "change.cause == Cause.DELETED and self._deleted(anchor):",
        "change.cause == Cause.DELETED:",
        ("tests/unit/engine/test_verify.py::TestALockForATombstone",),
    ),
    Mutation(
        "a resync takes no group away that it does not see",
        "iwds/core/alone.py",
        "        yield _held(decision, Reason.UNPROVEN, UNSEEN)\n        return",
        "        yield decision\n        return",
        (f"{ALONE}::test_what_is_taken_and_was_not_seen_waits",),
    ),
    Mutation(
        "a resync locks no administrator whom it cannot count",
        "iwds/core/alone.py",
        'LAST_ONES if _is_administrator(write) else ""',
        '""',
        (f"{ALONE}::test_what_is_taken_and_was_not_seen_waits",),
    ),
    Mutation(
        "a resync ends no first run",
        "iwds/engine/resync.py",
        "        self.tools.state.finish_run(self.row)",
        "        self.tools.state.finish_run(self.row, applied=True)",
        (f"{RESYNC}::TestLaterRuns::test_are_taught_no_configuration_no_reading_and_no_first_run",),
    ),
    Mutation(
        "a resync is measured by no more people than a run of everybody",
        "iwds/engine/resync.py",
        "return min(last,",
        "return max(last,",
        (f"{RESYNC}::TestTheGuards::test_take_no_larger_population_than_a_run_of_everybody",),
    ),
    Mutation(
        "a resync makes nobody a renamed job's doing",
        "iwds/engine/running.py",
        "MOST_RUNS, without=(RESYNC,)",
        "MOST_RUNS",
        (f"{RESYNC}::TestLaterRuns::test_find_no_intent_that_makes_a_person_this_jobs_doing",),
    ),
    Mutation(
        "a resync creates nobody whose rivals cannot be asked for",
        "iwds/engine/resync.py",
        "rivals_known=not one.rivals_unsure",
        "rivals_known=True",
        (f"{RESYNC}::TestAName::test_that_is_computed_waits_because_nobody_can_ask_who_else_wants_it",),
    ),
    Mutation(
        "a resync takes no hidden group for somebody out of scope",
        "iwds/engine/resync.py",
        "    return usual <= shown",
        "    return True",
        (f"{RESYNC}::TestWhatWasNotSeen::test_locks_nobody_who_may_be_out_of_scope_for_what_is_hidden",),
    ),
)
