"""Small word stores, written for this benchmark. Proper names are invented from syllables (`grammar`), so that texts seldom meet."""


def _split(words: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in words.split())


WORDS: dict[str, tuple[str, ...]] = {
    "name": _split(
        "Ada Amir Anneli Bashir Beatriz Bruno Chidi Clara Dalia Deniz Dora Edo Elif Emeka Farah Felix Gita Hana Hugo Ines Irfan "
        "Jonas Kaito "
        "Karim Lena Leo Lucia Mads Mara Mei Milan Nadia Noor Olu Oskar Petra Priya Quinn Rana Rafael Ravi Rosa Sana Selma Soren "
        "Tala Tariq "
        "Thea Tomas Uma Vera Viktor Wanda Yara Yusuf Zeynep Zoltan"
    ),
    "thing": _split(
        "anchor apron axle balloon barrel basket battery bell bench bicycle blanket bottle bowl brick bridge broom bucket button cabinet "
        "candle canvas carpet chain chisel clock coat coin compass crate curtain desk drum engine envelope fence filter flask "
        "funnel gate "
        "generator glove hammer harness helmet hinge kettle ladder lamp lantern lens lever lock loom magnet mattress meter mirror needle "
        "oven paddle pallet pedal piano pillow pipe pulley pump ribbon rope saddle sail scale sensor shelf shovel sieve spool "
        "spring stove "
        "strap tank telescope tent ticket tile towel tray trumpet turbine umbrella valve vase wagon wheel whistle wire wrench"
    ),
    "plural": _split(
        "apples badges beads berries biscuits boards bolts books boxes bulbs buttons cables cards chairs chapters coins cups "
        "cushions doors "
        "eggs figs files flowers folders forks grapes hats invoices jars keys labels leaves lemons letters loaves maps marbles "
        "medals melons "
        "mugs nails notebooks olives onions pages pears pebbles pencils plates posters puzzles radishes roses sacks seeds shells shirts "
        "spoons stamps stickers stones tickets tokens tomatoes tulips"
    ),
    "matter": _split(
        "agriculture alloys archaeology astronomy auctions bakeries banking batteries beekeeping biodiversity bridges bureaucracy "
        "calendars "
        "canals cartography ceramics chess childcare cinema climate coinage compilers coral cotton crystals customs dairy dams deserts "
        "diplomacy drainage dyes earthquakes elections enzymes erosion ethics evolution fashion fermentation ferries fisheries folklore "
        "forestry friction funding galaxies gardening genetics geysers glaciers glassmaking grammar harbours heating housing hydrology "
        "immunity inflation insulation insurance irrigation jazz journalism kites languages lenses libraries lighthouses logistics "
        "magnetism markets medicine memory metallurgy migration mills mining monsoons museums music mythology navigation nutrition "
        "oceans "
        "optics orchards painting paper parasites pensions perfume photography plumbing poetry pollination pottery printing privacy "
        "probability proteins queues railways recycling refrigeration rhetoric rivers robotics satellites schools sculpture seeds "
        "shipping "
        "silk sleep soil solar_power spices sports statistics steel storage streets subsidies surgery taxes textiles theatre tides "
        "timber "
        "tourism trade translation transport tunnels turbines typography vaccines vineyards viscosity volcanoes voting water weaving "
        "whales wind wool zoning"
    ),
    "adjective": _split(
        "ancient awkward bitter brittle broad calm careful central cheap clumsy coarse complex costly crowded curious damp dense distant "
        "double dry dusty early eager empty exact faint familiar fertile final flat foreign fragile gentle gradual heavy hidden hollow "
        "honest idle inner large late lean local loose loud minor modern modest narrow noisy obscure odd open ordinary outer "
        "patient plain "
        "polite private proud public quick quiet rapid rare raw regional remote rigid rough rural sharp shallow silent simple slow "
        "smooth "
        "solid sour steady steep strange strict sudden tall tense thick thin tidy tiny uneven unusual urban vague vast warm weak wide"
    ),
    "adverb": _split(
        "barely briefly carefully clearly eventually evenly gently gradually hardly largely lightly locally loosely mostly nearly oddly "
        "openly partly plainly quickly quietly rarely roughly seldom sharply slowly steadily strictly suddenly usually widely"
    ),
    "person": _split(
        "accountant architect baker biologist bookseller builder captain carpenter chemist clerk cook courier curator dentist designer "
        "director doctor editor electrician engineer farmer firefighter fisher gardener geologist guide historian inspector janitor "
        "judge "
        "lawyer librarian manager mechanic miner musician nurse officer painter pharmacist photographer pilot planner plumber potter "
        "printer professor referee reporter sailor scholar shepherd student surgeon surveyor tailor teacher tenant translator treasurer "
        "veterinarian waiter weaver welder"
    ),
    "place": _split(
        "airport alley archive arena attic bakery bank barn basement bay beach boathouse border cabin cafe campus canyon castle cellar "
        "chapel clinic coast courthouse courtyard dock factory farm field forest garage garden gallery glacier harbour hill hospital "
        "hostel island kitchen laboratory lake library lighthouse market meadow mill mine monastery museum nursery office orchard park "
        "pharmacy pier plaza port prairie quarry reef river school shop square stable station studio suburb swamp temple theatre tower "
        "tunnel valley village vineyard warehouse workshop yard"
    ),
    "verb": _split(
        "absorbs adjusts alters approves arranges avoids balances blocks borrows breaks carries changes checks cleans collects combines "
        "compares conceals connects cools copies counts covers crosses delays delivers divides doubles drains earns empties encloses "
        "examines exceeds expands explains extends favours feeds fills finds follows gathers governs guards guides heats holds ignores "
        "improves joins keeps lifts limits locates lowers maps measures melts mixes moves needs notices offers opens orders owns paints "
        "passes plans prefers presses prevents prints protects pulls pushes raises reaches reads records reduces refuses remembers "
        "repairs "
        "replaces reports rejects restores reveals rotates saves seals selects sends separates shapes shares shifts shows signs "
        "slows sorts "
        "splits spreads stores supports supplies surrounds tests touches traces trades turns uses visits warns washes weighs"
    ),
    "act": _split(
        "align archive assemble assign batch cache check clean clone collect compact compare compress convert count decode detect diff "
        "dispatch encode estimate expand export fetch filter flatten format group hash import index inspect invert join label limit link "
        "list load lock log map mask match measure merge migrate mirror move normalise notify order pack pad paginate parse patch "
        "pick plan "
        "poll prune push queue rank read rebuild record reduce refresh register release rename render repair replay report reset resolve "
        "retry reverse rotate route sample save scan schedule score scrub search seal select send shard shift shuffle sign skip "
        "slice sort "
        "split stack stage store stream strip swap sync tag tail throttle tokenise trace track transform trim unpack update upload "
        "validate "
        "verify wait watch weigh wrap write zip"
    ),
    "noun": _split(
        "account address alert archive asset attribute backup balance batch block bucket buffer calendar campaign card catalogue channel "
        "check chunk claim client cluster column comment config contract cookie counter coupon course credit cursor customer dashboard "
        "dataset delivery device digest document domain draft edge entry event expense export feature feed field fleet folder form "
        "gateway "
        "grade graph group handle header history image import index invoice item job journal key label layer ledger lesson letter limit "
        "line link locale location log mailbox map matrix member menu message metric mirror model module node note notice offer order "
        "packet page parcel partner password patch path patient payment payload permit photo pixel plan player policy pool port "
        "post price "
        "profile project prompt proxy query queue quota quote rate reading receipt record refund region release rental report request "
        "review role room route row rule sample schedule schema score script segment sensor series session shape shift shipment signal "
        "site slot snapshot source stage stock store stream subscription table tag task tenant theme thread ticket timer token tour "
        "trace "
        "track transaction transfer tree trial unit user value vehicle vendor version video visit volume voucher wallet window "
        "worker zone"
    ),
    "language": ("Python", "Go", "Rust", "TypeScript", "Java", "C", "Kotlin", "Ruby", "SQL", "C#", "Swift", "PHP"),
    "tongue": _split("French German Spanish Turkish Polish Portuguese Italian Dutch Czech Finnish Hindi Arabic Korean Japanese Swahili"),
    "form": _split(
        "advertisement agenda apology ballad biography blog_post brochure caption checklist dialogue diary_entry editorial email essay "
        "fable haiku interview joke lecture legend letter limerick memo monologue obituary outline pamphlet petition play poem "
        "press_release "
        "proposal recipe report review riddle short_story sketch slogan speech summary toast tutorial"
    ),
    "tone": _split(
        "angry calm cheerful dry formal friendly gloomy humble ironic joyful nervous neutral playful plain proud solemn terse warm"
    ),
    "unit": _split(
        "grams kilograms litres metres kilometres minutes hours days weeks cents euros crates pallets pages steps points degrees"
    ),
    "when": _split("in_spring in_summer last_autumn in_winter at_noon at_dawn after_lunch every_Monday on_Friday overnight this_quarter"),
    "fault": _split(
        "arrived_broken came_late does_not_switch_on keeps_restarting leaks lost_its_settings made_a_strange_noise never_arrived "
        "overheats "
        "rejects_my_password shows_an_error shows_the_wrong_total stopped_syncing was_charged_twice was_the_wrong_size went_blank"
    ),
    "mood": _split("delighted pleased satisfied undecided disappointed annoyed furious relieved surprised bored grateful sceptical"),
    "error": _split(
        "AttributeError IndexError KeyError TypeError ValueError TimeoutError OverflowError RecursionError UnicodeDecodeError "
        "ConnectionResetError PermissionError NullPointerException IllegalStateException SegmentationFault DeadlockDetected"
    ),
}
