"""The English words that the scorer reads: verbs by class, and the small words around them.

A verb stands in its base form; ``lexicon`` adds -s, -ed and -ing, irregular forms are listed here.
Words of one phrase are joined by ``_``.
"""

from typing import Final

from planner_node.training.scoring.terms import Verb

VERBS: Final[dict[Verb, str]] = {
    Verb.FIND: """find found locate search_for search look_for identify detect spot recognize
        recognise discover seek""",
    Verb.GO: """go_to go_back_to go_back go going goes went walk navigate head_to head_back
        head approach drive return reach arrive enter proceed travel come come_back drive_back
        walk_back move_over stand leave get_to park
        stop_at stop_by stop_in start_at start_from""",
    Verb.PICK: """pick_up pick grab grasp lift take took taking takes taken get getting gets
        got fetch collect retrieve remove obtain hold held secure unhook scoop gather lift_up
        extract""",
    Verb.PLACE: """put puts putting place set sets setting lay lays laid laying drop drop_off
        leave_it leave_them deposit insert store stow hang hung rest toss throw threw thrown
        discard dispose release return_it stack unload lower lean stash tuck slide lay_down
        put_down set_down put_back put_away throw_away stick sticks stuck pop dump arrange""",
    Verb.GIVE: "give gave given giving hand hand_over pass present hand_off offer",
    Verb.CARRY: "carry bring brings brought bringing bring_back take_along tote",
    Verb.MOVE: "move deliver transport transfer relocate haul tow push ship convey shift send sent",
    Verb.LOAD: "load",
    Verb.OPEN: "open open_up unlock unlatch pull_open raise",
    Verb.CLOSE: "close shut shuts shutting lock latch pull_down",
    Verb.ON: """turn_on switch_on power_on power_up start activate press start_up toggle_on
        plug_in get_going""",
    Verb.OFF: """turn_off switch_off power_off power_down deactivate shut_off shut_down stop
        extinguish unplug toggle_off kill""",
    Verb.CLEAN: """clean clean_up wash wash_up rinse wipe wipe_down sweep swept mop vacuum
        scrub disinfect dust polish sanitize sanitise tidy dry hoover""",
    Verb.SLICE: "slice cut cuts cutting cut_up chop chop_up dice carve",
    Verb.HEAT: "heat heat_up warm warm_up reheat microwave cook bake boil",
    Verb.COOL: "cool cool_down chill refrigerate freeze froze frozen",
    Verb.FILL: "fill fill_up pour refill pour_water_into top_up_with water",
    Verb.CHECK: """have_a_look_at take_a_look_at check inspect examine look_at look look_over
        verify observe read confirm monitor view scan measure weigh photograph take_a_photo_of
        take_a_picture_of see""",
    Verb.PATROL: "patrol tour visit survey go_around go_through",
    Verb.REPORT: "report report_back tell told inform notify announce alert say log",
    Verb.WAIT: "wait stay pause stand_by standby hold_position remain",
    Verb.CHARGE: """charge recharge dock top_up recharge_itself recharge_yourself
        charge_the_battery recharge_the_battery recharge_battery charge_battery
        plug_in_to_charge start_charging connect_to_power begin_charging""",
    Verb.FOLLOW: "follow trail stay_behind stay_close_behind walk_behind keep_up_with",
    Verb.GUIDE: "guide lead led escort accompany show usher conduct walk_with",
}
PARTICLE_VERBS: Final = "turn switch power"  # "turn the lamp on"

SOURCE: Final = "from off out_of out_from"
DESTINATION: Final = """to on_top_of onto on into inside in at next_to beside by near towards
    toward for under over against within around through up_to back_to down_to over_to
    in_front_of on_to behind near_to across close_to"""
OBJECT: Final = "let"
INSTRUMENT: Final = "with using use uses via by_means_of"
AND: Final = "and & plus along_with together_with as_well_as both"
PRONOUN: Final = """it them they him her his their its this that these those item items object
    objects there here destination target everything one ones something"""
# Cardinal numbers are read by ``numerals``.
NUMBERS: Final = {
    2: "both pair twice second another",
    3: "third",
    4: "fourth",
    5: "fifth",
    6: "sixth",
    12: "dozen",
}
MANY: Final = "all each every remaining repeat rest again everything any"
CONDITION: Final = """if when whether once while until so_that unless in_case before should
    to_make_sure make_sure ensure ensuring in_order_to where provided as_soon_as which who"""
# Which of them ask about the world; the others tell of a purpose or a time. In a description only
# those of the first line do: there "when" is mostly "while".
WHETHER: Final = "if whether unless in_case provided"
WHEN: Final = "when once should as_soon_as"
CONDITION_END: Final = "then"
NEGATION: Final = "do_not don't not without avoid never cannot"
BREAK: Final = ". , ; ! ? : and_then then after_that finally afterwards next first"
STOP: Final = """the continue next meet meets condition conditions a an of up down carefully
    gently slowly safely securely firmly away back your my our is are be been was it's now
    again ready please robot robot's gripper arm hand hands hand's camera position location
    place area surface side top front inside bottom middle current its first second third last
    other same way path room's as after before toward properly correctly completely quickly
    steadily straight directly open closed clean empty full held place spot user's water some
    piece pieces slices itself yourself so until has have had will can could you i we proper
    appropriate designated suitable correct new final along neatly flat upright battery power
    fully level properly enough order sequence turn switch power on off out in to for over
    temperature status state condition inspection everything fine normal problem problems
    anything result results findings minutes minute seconds seconds while time moment charging
    cleaning cleaned heated cooled sliced filled done finished complete completed grip fingers
    tool carrying move moving moved contents content there here then that this also too just
    either onto into at by no sure"""
CLASSIFIER: Final = ""
COUNTED: Final = ""
# Short words beside a name that make no other name of it.
BEFORE_NAMES: Final = "or mr ms dr st us do ok he x cm mm kg g l ml"
# Where something lies: "pick up the cup on the table".
LYING: Final = """on_top_of on inside in at next_to beside by near under over against within around
    in_front_of behind across close_to"""
# What is looked at or told of without being a thing of the instruction.
NEUTRAL: Final = """success successful placement stability surroundings environment progress
    task tasks completion arrival outcome visually nearby obstacles obstacle hello percent quality
    data information photo reading readings value values work job what how number count amount
    forward along closer route distance room summary dust dirt crumbs stains pace speed handle
    damage leaks during confirmation button knob lever"""
