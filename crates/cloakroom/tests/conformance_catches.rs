//! What the conformance suite is worth: stores with one fault each, and the rule that each of them breaks.

mod broken;

use broken::{Broken, Right, Wrong};
use broken::{directory::*, ends::*, exports::*, feed::*, rotations::*, values::*, writes::*};
use cloakroom::store::conformance;

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_a_fault_breaks_no_rule() {
    conformance::check(Broken::<Right>::default()).await;
}

async fn is_caught_by<W: Wrong>(rule: &str) {
    let report = conformance::run_only(Broken::<W>::default(), &[rule]).await;
    assert_eq!(report.failed(), [rule], "{report}");
    assert!(report.to_string().contains(rule));
}

/// One test for each fault: it fails the named rule.
macro_rules! faults {
    ($($test:ident: $fault:ident breaks $rule:literal,)*) => {
        $(#[tokio::test]
        async fn $test() {
            is_caught_by::<$fault>($rule).await;
        })*
    };
}

faults! {
    expired_is_found: ExpiredIsFound breaks "a_record_is_missing_from_its_idle_end_on",
    the_end_is_a_live_moment: TheEndIsALiveMoment breaks "a_record_is_missing_from_its_absolute_end_on",
    absolute_end_is_ignored: AbsoluteEndIsIgnored breaks "a_record_is_missing_from_its_absolute_end_on",
    load_deletes_the_expired: LoadDeletesTheExpired breaks "load_deletes_nothing",
    load_touches: LoadTouches breaks "load_changes_nothing",
    load_panics: LoadPanics breaks "a_missing_key_is_missing",
    load_fails: LoadFails breaks "a_missing_key_is_missing",
    create_overwrites: CreateOverwrites breaks "create_never_overwrites",
    create_forgets_the_lifetime: CreateForgetsTheLifetime breaks "a_lifetime_comes_back_as_it_was",
    create_looks_first: CreateLooksFirst breaks "of_parallel_creates_one_is_done",
    upsert_in_apply: UpsertInApply breaks "a_write_never_inserts",
    touch_inserts: TouchInserts breaks "a_touch_never_inserts",
    writes_the_whole_record: WritesTheWholeRecord breaks "parallel_sets_of_different_keys_all_survive",
    touch_writes_the_whole_record: TouchWritesTheWholeRecord breaks "parallel_touches_lose_no_write",
    writes_back_what_it_loaded: WritesBackWhatItLoaded breaks "a_write_in_flight_does_not_undo_destroy",
    add_loads_then_writes: AddLoadsThenWrites breaks "parallel_adds_lose_nothing",
    applies_in_two_steps: AppliesInTwoSteps breaks "a_load_never_sees_half_a_patch",
    at_least_shortens: AtLeastShortens breaks "a_touch_never_shortens",
    exactly_never_shortens: ExactlyNeverShortens breaks "exactly_shortens",
    every_write_touches: EveryWriteTouches breaks "a_write_that_does_not_touch_leaves_the_times",
    touch_leaves_seen: TouchLeavesSeen breaks "a_touch_sets_seen_to_the_time_of_the_call",
    absolute_end_is_ignored_by_apply: AbsoluteEndIsIgnoredByApply breaks "a_write_revives_no_session_past_its_absolute_end",
    guard_ignored: GuardIgnored breaks "a_stale_token_is_a_conflict",
    gone_is_a_conflict: GoneIsAConflict breaks "a_guarded_write_without_a_record_is_gone",
    conflict_still_touches: ConflictStillTouches breaks "a_conflict_changes_nothing",
    token_of_data_only: TokenOfDataOnly breaks "any_change_of_data_makes_a_token_stale",
    numbers_are_the_old_ones: NumbersAreTheOldOnes breaks "add_returns_the_new_number",
    only_the_first_number_comes_back: OnlyTheFirstNumberComesBack breaks "add_comes_back_for_every_key",
    part_of_a_bad_patch_is_applied: PartOfABadPatchIsApplied breaks "one_bad_number_refuses_the_whole_patch",
    overflow_wraps: OverflowWraps breaks "add_beyond_i64_is_refused",
    texts_are_added_to: TextsAreAddedTo breaks "add_to_what_is_no_integer_is_refused",
    objects_are_merged: ObjectsAreMerged breaks "set_replaces_a_value_whole",
    null_unsets: NullUnsets breaks "null_is_a_value",
    clear_comes_last: ClearComesLast breaks "clear_comes_before_the_changes",
    clear_takes_the_metadata: ClearTakesTheMetadata breaks "clear_removes_every_key_and_nothing_else",
    user_is_bound_once: UserIsBoundOnce breaks "apply_binds_the_user",
    destroy_only_marks: DestroyOnlyMarks breaks "destroyed_stays_dead_whatever_is_in_flight",
    destroy_only_expires: DestroyOnlyExpires breaks "destroyed_stays_dead_for_a_clock_that_lags",
    destroy_always_says_true: DestroyAlwaysSaysTrue breaks "destroy_of_a_missing_key_is_fine",
    destroy_counts_the_expired: DestroyCountsTheExpired breaks "destroy_of_an_expired_session_is_false",
    destroy_follows_rotations: DestroyFollowsRotations breaks "destroy_of_the_old_key_leaves_the_session",
    sweep_takes_live_ones: SweepTakesLiveOnes breaks "sweep_takes_no_live_session",
    sweep_takes_them_a_moment_early: SweepTakesThemAMomentEarly breaks "sweep_takes_no_live_session",
    sweep_knows_no_limit: SweepKnowsNoLimit breaks "sweep_keeps_to_its_limit",
    sweep_says_nothing: SweepSaysNothing breaks "sweep_tells_how_many_it_took",
    sweep_knows_old_ends: SweepKnowsOldEnds breaks "sweep_takes_no_session_that_was_extended",
    sweep_looks_then_deletes: SweepLooksThenDeletes breaks "sweep_in_flight_takes_no_session_that_was_extended",
    the_old_key_stays_alive: TheOldKeyStaysAlive breaks "the_old_key_finds_nothing_after_rotate",
    rotate_loses_the_data: RotateLosesTheData breaks "rotate_keeps_the_data",
    rotate_loses_the_user: RotateLosesTheUser breaks "rotate_keeps_the_user",
    rotate_loses_the_metadata: RotateLosesTheMetadata breaks "rotate_keeps_everything",
    rotate_begins_anew: RotateBeginsAnew breaks "rotate_keeps_everything",
    rotate_lands_on_a_taken_key: RotateLandsOnATakenKey breaks "rotate_onto_a_taken_key_changes_nothing",
    rotate_forgets_its_patch: RotateForgetsItsPatch breaks "rotate_applies_its_patch_in_the_same_step",
    rotate_ignores_the_guard: RotateIgnoresTheGuard breaks "rotate_with_a_stale_token_changes_nothing",
    rotate_inserts: RotateInserts breaks "rotate_of_a_missing_key_is_gone",
    rotate_revives_the_expired: RotateRevivesTheExpired breaks "rotate_revives_no_expired_session",
    rotate_says_conflict_when_it_is_gone: RotateSaysConflictWhenItIsGone breaks "rotate_of_a_destroyed_session_is_gone",
    rotate_makes_the_new_one_first: RotateMakesTheNewOneFirst breaks "a_rotation_never_shows_both_keys",
    rotate_ends_the_old_one_first: RotateEndsTheOldOneFirst breaks "a_rotation_in_place_never_shows_neither_key",
    rotate_copies_what_it_loaded: RotateMakesTheNewOneFirst breaks "a_write_that_races_with_rotate_is_kept_or_refused",
    rotate_doubles: RotateMakesTheNewOneFirst breaks "of_parallel_rotates_one_is_done",
    rotate_makes_another_handle: RotateMakesTheNewOneFirst breaks "rotate_in_place_keeps_the_handle",
    rotate_tells_the_old_handle: RotateTellsTheOldHandle breaks "rotate_tells_the_handle_that_the_session_has_then",
    superseded_for_ever: SupersededForEver breaks "a_rotated_key_is_missing_after_that_moment",
    superseded_by_the_dead: SupersededByTheDead breaks "a_rotated_key_is_missing_once_its_session_is_destroyed",
    superseded_by_the_expired: SupersededByTheDead breaks "a_rotated_key_is_missing_once_its_session_is_over",
    never_superseded: NeverSuperseded breaks "a_rotated_key_is_superseded_for_a_moment",
    writes_follow_rotations: WritesFollowRotations breaks "a_write_to_the_old_key_is_gone",
    dots_are_mangled: DotsAreMangled breaks "odd_keys_come_back_from_create",
    dots_are_mangled_in_add: DotsAreMangled breaks "odd_keys_are_added_to",
    keys_fold_case: KeysFoldCase breaks "keys_that_look_alike_are_two",
    keys_end_at_nul: KeysEndAtNul breaks "odd_keys_are_unset",
    keeps_what_it_refuses: KeepsWhatItRefuses breaks "a_key_that_can_not_be_kept_changes_nothing",
    dotted_keys_are_paths: DottedKeysArePaths breaks "a_dotted_key_is_no_path",
    integers_are_floats: IntegersAreFloats breaks "integers_come_back_exact",
    whole_floats_are_integers: WholeFloatsAreIntegers breaks "add_to_a_float_is_refused",
    floats_are_read_roughly: FloatsAreReadRoughly breaks "floats_stay_floats_to_the_last_bit",
    extended_json_is_understood: ExtendedJsonIsUnderstood breaks "values_that_look_like_commands_come_back",
    texts_end_at_nul: TextsEndAtNul breaks "texts_come_back_as_they_were",
    empty_objects_are_null: EmptyObjectsAreNull breaks "empty_values_come_back",
    deep_values_are_cut: DeepValuesAreCut breaks "the_deepest_values_come_back",
    lists_the_dead: ListsTheDead breaks "list_has_no_session_that_is_over",
    lists_the_oldest_first: ListsTheOldestFirst breaks "list_has_the_last_seen_first",
    lists_by_prefix: ListsByPrefix breaks "users_that_look_alike_are_two",
    revokes_for_anybody: RevokesForAnybody breaks "revoke_ends_no_other_users_session",
    revokes_without_exceptions: RevokesWithoutExceptions breaks "revoke_all_spares_one",
    directory_misses_what_rotates: RotateEndsTheOldOneFirst breaks "a_session_that_rotates_is_in_the_directory_once",
    revoke_misses_what_rotates: RotateMakesTheNewOneFirst breaks "a_session_that_rotates_is_revoked",
    pages_skip_one: PagesSkipOne breaks "pages_show_each_session_once",
    exports_the_dead: ExportsTheDead breaks "the_export_has_no_session_that_is_over",
    exports_without_data: ExportsWithoutData breaks "the_export_has_each_session_whole",
    exports_by_digest: ExportsByDigest breaks "an_exported_name_is_the_sessions_own",
    exports_first_states: ExportsFirstStates breaks "an_exported_state_guards_a_write",
    export_stops_early: ExportStopsEarly breaks "the_export_goes_on_when_its_last_record_ends",
    import_overwrites: CreateOverwrites breaks "an_import_never_overwrites",
    tells_no_touch: TellsNoTouch breaks "a_touch_is_told",
    tells_no_end: TellsNoEnd breaks "an_end_is_told",
    tells_no_new_key: TellsNoNewKey breaks "a_rotation_is_told_of_both_keys",
    tells_no_beginning: TellsNoNewKey breaks "a_session_that_begins_is_told_by_its_key",
    tells_the_token_before: TellsTheTokenBefore breaks "a_token_that_is_told_is_that_of_the_change",
    tells_a_token_always: TellsATokenAlways breaks "a_token_that_is_told_is_that_of_the_change",
    echoes_too_soon: EchoesTooSoon breaks "an_echo_comes_behind_all_that_was_confirmed",
    echoes_for_all: EchoesForAll breaks "an_echo_reaches_its_own_listener",
}
