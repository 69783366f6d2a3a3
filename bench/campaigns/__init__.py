"""An open benchmark of extraction campaigns with honest negatives: seeded worlds of accounts, their labels, and a scorer.

    python -m bench.campaigns make OUT_DIR --seed 7 --accounts 2000 --days 14 [--prevalence 0.05] [--families …] [--pace 1.0]
    python -m bench.campaigns score TRACE LABELS DECISIONS [--json OUT]
    python -m bench.campaigns run --seed 7 [--policy FILE] [--calibrate DAYS] [--json OUT] [--keep DIR]
                                                             make, replay through Stillgate, score
    python -m bench.campaigns scale --accounts 100000                                     memory and time of the analysis

`make` writes `trace.jsonl.gz`, one exchange a line in time order, and `labels.json`: accounts → {label: benign | campaign | mixed, kind,
campaign}; events_extract: line numbers (from 0) of extraction exchanges; campaigns → {planned_exchanges, accounts, family, knobs}. The
same arguments give the same lines bit for bit. `score` takes JSONL decisions, one a line in order: {index, account, score 0–100, action:
allow | watch | throttle | verify | degrade | block, campaign: id or null}. Making and scoring need nothing but the standard library.

| campaign family | does |
|---|---|
| harvest | reasoning elicitation over one list, dealt out over accounts that one scheduler starts and stops |
| rubric | grading with one rubric, each account its part of the pairs |
| agentic | tool use, then coding: a change of phase half-way |
| pivot | agentic coding; half of its traffic moves to the new model within a day; half of them use a product's system prompt |
| hydra | 30–95 % other traffic on every account; most accounts are replaced half-way, and their heirs take up the lists |
| low_slow | three templates said anew by each account, never more than 20 a day, hardly any shared infrastructure |
| logits | reads the vocabulary out with logit_bias and log probabilities, a few tokens a request |
| resale | a relay that sells to people, and harvests between their requests |

Of every campaign it is drawn anew how many of its accounts share a payment, an address or odd software, carry other traffic, ask items of
public lists, ask an item twice, and how much of the template each says in its own words (`knobs`). About half carry no timing signal.

| honest kind | looks like extraction because |
|---|---|
| chat, support, rag, app, script | (the everyday; they share popular and rare templates among themselves) |
| coding | thousands share one product's system prompt and tools |
| agentbench, evaluation | go through a public list without conversation, often asking for reasoning; many strangers run the same list |
| nightly | the same, at the same minute of every night |
| grader | rubrics, pairs, integer answers |
| classify, translate, monitor | one template over thousands of items; some with log probabilities or a fixed logit_bias |
| datagen | writes synthetic data under an elicitation template |
| licensed | does exactly what a harvest does; told apart by its verified enterprise facts only |
| company, fleet | many accounts behind one address and one payment, with one template |
| key_pool | deals one list out over one customer's accounts: complementary coverage, honestly |
| class, hackathon | one homework, or one starter template, over strangers who arrive together |
| reseller | one relay with many people behind it |
| eager | moves to the new model within hours |
| newcomer | opens its account half-way, as a successor would |
| recipe | strangers who follow one published elicitation template, each with own items: only clocks and infrastructure tell them apart |
| tutor | asks for every step of the reasoning |

What is *not* modelled. Labels are ours: honest and guilty accounts draw their words from the same grammars, and nobody outside has
checked that either is typical. The world does not react: accounts go on after a sanction, campaigns do not adapt to it, and nobody
complains. Texts are grammar, not language: whoever judges meaning can learn little here, and identical wording is rarer by chance than in
real traffic. A popular template has a dozen holders here, not thousands: these are samples of a population. Answers have lengths, no
content, so the value of what leaks is not measured. Prompts are shorter than real ones, there are no pictures, no embeddings, no failed
requests, no price, no seasons, and rates are those of a fortnight of small accounts (`--pace 5` brings campaigns to the published 26
exchanges an account a day). Worlds are small: at 2,000 accounts and 5 % most campaigns have 8 to 17 accounts, which is harder than the
published ones of 25,000. Nothing here was fitted to any real log, and a scorer that was tuned on these worlds has been tuned to them:
hold out seeds and families, and say so.
"""
