"""The grammar's rules: what people and programs ask, and what they send along. Written for this benchmark.

Sentences hold many slots between few fixed words, so that two texts seldom share a run of five words by chance; what does recur, does
so because a template is shared.
"""

RULES: dict[str, tuple[str, ...]] = {
    # What passages, documents and answers are made of.
    "sentence": (
        "The {adjective} {noun} of {Name} {adverb} {verb} the {thing} near the {place}.",
        "{when}, {name} and the {person} {verb} {30..900} {plural} at {Name}.",
        "{matter} {verb} {matter} wherever the {place} {adverb} {verb} its {adjective} {thing}.",
        "Every {adjective} {person} in {Name} {verb} {2..60} {unit} of {plural}, says {name}.",
        "Since {1820..2024}, {Name} {verb} more {plural} than {Name}, {adverb} because of {matter}.",
        "A {thing} from {Name} {adverb} {verb} {matter}; the {adjective} {person} {verb} it.",
        "Of {40..990} {plural}, {3..39} were {adjective}, and {name} {verb} the {adjective} {place}.",
        "{Name} {verb} {adjective} {matter} while the {person} {adverb} {verb} the {noun}.",
        "Between {Name} and {Name} lie {4..80} {unit} of {adjective} {place}, where {matter} {verb} {matter}.",
        "{name} {Name}, a {adjective} {person}, {verb} the {thing} {when}.",
        "What the {adjective} {place} {verb}, {matter} {adverb} {verb} again.",
        "No {noun} {verb} the {adjective} {Name} {thing} unless {matter} {verb} it.",
    ),
    # Questions that people think up themselves.
    "chat": (
        "my {person} says {matter} {adverb} {verb} {matter}, is that so?",
        "Can you explain how {matter} {verb} {adjective} {plural} without {matter}?",
        "I have {2..20} {plural} and a {adjective} {thing}. What can I do {when}?",
        "Why would a {person} in {Name} need a {adjective} {thing}?",
        "give me ideas for a {form} about {matter} and {adjective} {plural}, something {tone}",
        "what is the difference between {matter} and {matter} for a {person}?",
        "Plan a {2..9} day trip to {Name} with a {person} who likes {matter}. {sentence}",
        "Tell me something {adjective} about the {place} of {Name}.",
        "I need to tell my {person} that the {thing} {fault}. How do I put it in a {tone} way?",
        "{sentence} Do you agree?",
        "is {matter} more {adjective} than {matter} when you have {5..90} {plural}",
        "Rewrite this so that a {person} likes it: {sentence} {sentence}",
        "how long does a {thing} last if a {person} {verb} it {when}",
        "Make this {tone}: {sentence}",
        "My {thing} {fault} and I am {mood}. Any thoughts?",
        "recommend {3..9} books on {matter} for a {adjective} {person}",
    ),
    "follow": (
        "And what about {matter}?",
        "Shorter, please, and mention the {thing}.",
        "I meant the {adjective} {place}, not {Name}.",
        "Thanks. Does the {person} know that?",
        "why {adverb}?",
        "Could {name} do it {when} instead?",
        "Give me {2..9} more, but {adjective}.",
        "That does not fit: {sentence}",
        "ok, and with {20..90} {plural}?",
        "Put the {noun} first, then the {noun}.",
    ),
    "support": (
        "Hello, my {thing} {fault}. Order {hex}, from {Name}. {sentence}",
        "I bought {2..9} {plural} and one {fault}. I am {mood}.",
        "Where is my {noun}? It was due {when}.",
        "The {adjective} {thing} {fault} since the update. What now?",
        "How do I change the {noun} on my {noun}? The {noun} page {fault}.",
        "please cancel {noun} {hex}, the {person} said it {fault}",
        "Do you ship a {adjective} {thing} to {Name}?",
        "My {noun} says {20..900} {unit} but I paid for {20..900}.",
        "is there a {noun} for {plural}? the {noun} shows {adjective} numbers",
    ),
    "review": (
        "{mood}: the {thing} from {Name} {fault} {when}. {sentence}",
        "Bought {2..30} {plural} for the {place}. I am {mood}, my {person} is {mood}.",
        "The {adjective} {thing} {adverb} {verb} what it should, {name} was {mood}.",
        "{sentence} {2..5} stars, because it {fault}.",
        "{Name} sent a {adjective} {thing} instead of {plural}. {mood}.",
        "A {tone} {person} and a {adjective} {place}; we were {mood}.",
    ),
    # Items of lists: what benchmarks ask, and harvests too.
    "sum": (
        "{who=name} has {3..90} {what=plural} and buys {2..9} boxes of {4..40} {what}. {other=name} takes away {2..30}% of them "
        "{when}. How many "
        "{what} does {who} keep?",
        "A {adjective} {tank=thing} at the {place} holds {40..900} litres. It leaks {1..9} litres every {5..55} minutes while "
        "{who=name} adds "
        "{2..20} litres an hour. After how many hours is the {tank} empty?",
        "{who=name} the {person} walks {2..9} kilometres to the {place} of {Name} at {3..6} km/h and comes back at {7..20} km/h. "
        "What is the "
        "mean speed of {who}?",
        "The sum of {2..9} consecutive multiples of {3..19} is {200..9000}. {name} says that the smallest is {20..900}. Is {name} right?",
        "A {place} sells {20..400} {what=plural} at {2..60} cents each. If the price falls by {2..9} cents, it sells {3..60} more "
        "{what}. Which "
        "price brings {name} the most?",
        "{Name} and {Name} are {80..900} km apart. A {person} leaves at {5..11}:{10..59} with {30..99} km/h, a {person} {10..90} minutes "
        "later with {40..120} km/h. When do they meet?",
        "In how many ways can {3..12} {person}s share {9..40} {plural} if {name} wants at least {2..8}?",
        "Solve {2..40}x + {3..90}y = {100..999} in whole numbers, where x counts {plural} and y counts {plural} of {Name}.",
        "A {thing} costs {who=name} {20..900} euros more than a {thing}. With {2..25}% off, both cost {200..2000}. What does each cost?",
    ),
    "puzzle": (
        "{one=name} is older than {two=name}, {three=name} is younger than {one}, and the {person} is {two}. {three} never {verb} "
        "the {thing}. Who can be "
        "the {person}?",
        "{3..7} {person}s of {Name} each own a {thing}, a {thing} or a {thing}. The {adjective} one {verb} {matter}; the owner of "
        "the {thing} "
        "{verb} {matter}. Who lives near the {place}?",
        "All {adjective} {plural} are {adjective}. Some {plural} of {Name} are not {adjective}. Does it follow that no {adjective} "
        "{plural} "
        "{verb} {matter}?",
        "{one=name} always lies {when}, {two=name} never does. Asked for the {place}, {one} says {Name}, {two} says {Name}. Which "
        "road {verb} the "
        "{adjective} {thing}?",
        "Place {4..9} {plural} on a {4..12} by {4..12} board so that no two {plural} share a row with the {adjective} {thing} at "
        "{2..4}, {2..4}.",
        "A {thing} weighs as much as {2..9} {plural}, and {3..12} {plural} weigh as much as a {thing} and {2..7} {plural}. Which is "
        "heavier for {name}?",
    ),
    "science": (
        "How does {matter} affect {matter} in a {adjective} {place}, and what would {name} measure to show it?",
        "A {adjective} {thing} at {4..300} degrees is put in {2..90} litres of water near {Name}. Describe what happens to {matter} "
        "within "
        "{2..90} minutes.",
        "Compare {matter} with {matter}: which {verb} {adjective} {plural} and why?",
        "Which of {matter}, {matter} and {matter} explains best that {sentence}",
        "State a {adjective} law of {matter} and derive what it says about {2..60} {plural} on a {thing}.",
        "A {person} claims that {matter} {adverb} {verb} {matter}. Design an experiment at the {place} of {Name} that could refute it.",
    ),
    "task": (
        "Write a {tone} {form} about {matter} for a {adjective} {person} from {Name}.",
        "List {3..12} ways in which {matter} {verb} {matter}, each with a {adjective} {thing}.",
        "Turn the following into a {tone} {form}: {sentence} {sentence}",
        "Imagine a {person} who {verb} {plural} at a {adjective} {place}. Describe {2..9} hours of it.",
        "Explain {matter} to a {person} who only knows {matter} and {adjective} {plural}.",
        "Edit this for a {adjective} reader: {sentence} {sentence} {sentence}",
        "Invent {2..9} {adjective} names for a {thing} that {adverb} {verb} {matter}, and give reasons.",
        "Draft the {noun} policy of a {place} in {Name} that {verb} {plural}.",
    ),
    "coding": (
        "Write a {language} function `{ident}` that takes a list of {noun} records and {verb} each {noun} by {noun}, at most "
        "{2..90} at a time.",
        "Implement a {adjective} {noun} cache in {language}: `{ident}(key)`, `{ident}(key, value)`, evicting the {noun} with the "
        "fewest {noun}s.",
        "Given {2..9} sorted {noun} streams, write {language} that yields their {noun}s in order and skips every {noun} whose "
        "{noun} is {adjective}.",
        "In {language}, parse lines like `{lower}={20..900};{lower}` into a {Class}, and report the first {noun} that is malformed.",
        "Add `{ident}` to the {Class} of {lower}: it should {act} every {noun} older than {2..90} days and {act} the {noun}.",
        "Refactor `{ident}` in {lower}/{lower}.py so that `{ident}` no longer needs the {noun}. Keep {Class} as it is.",
        "{language}: `{ident}` fails with {error} when the {noun} is {adjective} and the {noun} has {2..90} rows. Find out why and "
        "mend it.",
        "The test of `{ident}` in {lower} is flaky: {2..30} of {40..99} runs end in {error}. Make it steady.",
    ),
    "code": (
        "def {ident}({lower}, {noun}={2..90}):\n    {lower} = {ident}({lower})\n    for {noun} in {lower}.{ident}():\n        if "
        "{noun}.{noun} > {20..900}:\n"
        "            raise {error}('{adjective} {noun}')\n    return {lower}\n",
        "class {Class}({Class}):\n    {noun} = {2..900}\n\n    def {ident}(self, {lower}):\n        self.{noun} = {ident}({lower}, "
        "{2..90})\n"
        "        return self.{ident}()[{2..9}:]\n",
        "with {ident}('{lower}.{noun}') as {lower}:\n    {lower} = [{ident}({noun}) for {noun} in {lower} if {noun} != '{hex}']\n   "
        " {ident}({lower}, "
        "{noun}='{lower}')\n",
        "{lower} = {ident}({noun}={Class}(), {noun}={2..900})\nassert {lower}.{ident}() == {20..9000}, '{adjective} {noun}'\n",
    ),
    "issue": (
        "`{ident}` {verb} the wrong {noun} after {hex}",
        "{error} in {Class}.{ident} when {noun} is {adjective}",
        "{Class} should {act} the {noun} before it {verb} the {noun}",
        "Add a `{lower}` option to `{ident}` for {adjective} {noun}s",
        "Upgrade of {lower} to {2..9}.{1..40} breaks `{ident}`",
    ),
    "output": (
        "{lower}/{ident}.py:{3..900}: {error}: {adjective} {noun} at {hex}",
        "{3..90} passed, {2..9} failed: {ident}, {ident} in {20..900} ms",
        '"{noun}": "{Name}", "{noun}": {20..9000}, "{noun}": "{hex}"',
        "{lower} {hex} {2..900} {unit} {noun}={lower}",
    ),
    "say": (
        "The {adjective} {thing} is what counts: it {adverb} {verb} {matter}. {sentence}",
        "First, {matter} {verb} the {noun}. Then {name} has {2..900} {plural} left. {sentence}",
        "For a {adjective} {person} I would take the {thing}, since {matter} {adverb} {verb} {matter}.",
        "It depends on {matter}. {sentence} {sentence}",
        "Here is one with {2..9} {plural}: {sentence}",
        "{sentence} So the answer is {2..9000}.",
    ),
    # Items that carry something along.
    "asked": ("{sum}", "{puzzle}", "{science}", "{task}", "{coding}"),
    "graded": ("{asked}\n\n{reply}",),
    "reply": (
        "Answer:\n{say} {say}",
        "Answer A:\n{say}\n\nAnswer B:\n{say} {say}",
        "Answer:\n{say}\n\nReference:\n{say}",
        "Answer:\n{code}{say}",
    ),
    "repair": (
        "{issue}\n\n{sentence} {coding}\n\n{output}\n\n{code}",
        "{issue}\n\n{coding}\n\n{code}{code}",
        "{issue}\n\n{output}\n{output}\n\n{sentence}",
    ),
    "errand": (
        "Find the {noun} of {name} {Name} that {fault} and {act} it before {when}. The {noun} is {hex}.",
        "{act} every {adjective} {noun} of {Name} with more than {20..900} {plural}, then {act} the {noun} for {name}.",
        "Book a {noun} to {Name} for {2..9} {person}s who need a {adjective} {thing}. At most {90..900} euros.",
        "Which {noun}s of {lower} {verb} the {noun} {hex}? {act} them and tell {name} {Name} how many {plural} are left.",
        "Move {2..90} {plural} from the {place} of {Name} to {Name}; if the {noun} is {adjective}, {act} the {noun} instead.",
    ),
    "persona": (
        "a {adjective} {person} from {Name} who {adverb} {verb} {matter} and fears {plural}",
        "{name}, {18..80}, {person} at the {place} of {Name}, {mood} about {matter}",
        "a {tone} {person} who collects {plural} and {verb} {matter}",
    ),
}
