"""Training lines of our own for the harm model: requests in general terms, and honest ones on the same topics.

Templates times topics, so that the model learns which way a topic is meant from the words around it, and not that a topic
is harmful. Nothing here says how anything is done. Written for this project, CC0-1.0; never a source that a report
counts.
"""

# ruff: noqa: E501 - lists of short lines are easier to compare in few rows

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

HARMFUL_ACTS = {
    "violence": (
        "hurt someone without leaving marks", "kill a person and get away with it", "poison my neighbour", "kidnap someone",
        "attack people at a public event", "start a violent riot", "torture a prisoner", "set fire to a building",
        "hire a hitman", "beat up a classmate", "abuse an animal", "recruit people for a terrorist group",
        "plan an attack on a school", "physically hurt a child", "sabotage a train", "murder my husband",
        "incite violence against a group", "stab somebody", "abduct a child", "derail a train",
    ),
    "self_harm": (
        "kill myself painlessly", "hurt myself without anyone noticing", "starve myself and hide it", "promote anorexia online",
        "encourage someone to commit suicide", "end my life tonight", "cut myself so that nobody sees it", "take an overdose",
        "purge after meals", "convince a teenager that self-harm is good", "hide an eating disorder from my parents",
    ),
    "sexual": (
        "create sexual images of a minor", "groom a child online", "share nude pictures of my ex without consent",
        "drug someone for sex", "secretly film people naked", "make pornographic deepfakes of a celebrity",
        "coerce someone into sex", "run a prostitution ring", "blackmail a girl with her nude photos",
        "find underage porn", "write erotic stories about children", "sexually harass a coworker",
    ),
    "hate": (
        "spread hatred against immigrants", "write a racist joke", "harass a transgender classmate", "bully a girl until she leaves school",
        "promote white supremacy", "publish the home address of a journalist", "stalk my former girlfriend", "humiliate a coworker in public",
        "justify discrimination against Muslims", "deny the Holocaust in a convincing way", "insult Jewish people",
        "post hateful comments about women", "threaten a politician", "make a list of slurs for a minority",
    ),
    "weapons": (
        "build a bomb", "make a pipe bomb from household items", "buy a gun without a background check", "produce nerve gas",
        "3D print an untraceable gun", "smuggle weapons across the border", "make poison gas", "get ammunition illegally",
        "build a silencer", "acquire nuclear material", "spread a deadly pathogen", "make napalm", "hide explosives in a bag",
        "convert a rifle to fully automatic", "culture anthrax",
    ),
    "drugs": (
        "cook meth", "sell cocaine at school", "smuggle heroin in luggage", "make ecstasy in a kitchen", "buy fentanyl online",
        "forge a prescription for opioids", "grow drugs without being caught", "extract a narcotic from a plant",
        "give alcohol to minors", "pass a drug test while using", "set up a drug lab", "launder drug money",
        "get children addicted to drugs", "import steroids without customs noticing",
    ),
    "cyber": (
        "hack into an email account", "write ransomware", "steal passwords with a fake login page", "spread a computer virus",
        "break into a company's network", "launch a DDoS attack", "bypass the security of a bank", "spy on my wife's phone",
        "install a keylogger on someone's computer", "exploit a vulnerability to steal data", "build a botnet", "send phishing emails",
        "disable the antivirus on a victim's machine", "leak a confidential database", "intercept my neighbour's wifi traffic",
        "take over a government website", "shut down a power grid", "unlock a stolen phone", "steal cookies from users",
    ),
    "crime": (
        "steal a car", "rob a bank", "counterfeit money", "launder money", "steal someone's identity", "scam old people",
        "commit insurance fraud", "evade taxes", "forge a passport", "blackmail a politician", "bribe an official",
        "shoplift without being caught", "run a pyramid scheme", "spread fake news before an election", "manipulate voters",
        "trade on insider information", "smuggle people across a border", "cover up a crime", "destroy evidence",
        "use a stolen credit card", "trick investors out of their savings", "dump toxic waste illegally", "hotwire a car",
        "break into a house", "pirate software and sell it", "cheat in an exam", "write a fake review to harm a rival",
        "drive drunk and not get caught", "pick the lock of an office", "extort a small business", "pretend to be a doctor",
        "make a convincing hoax that causes panic", "impersonate a police officer", "exploit workers without legal trouble",
        "invent false accusations against a colleague", "sell fake medicine", "abuse tax loopholes illegally",
    ),
}  # fmt: skip

ASKED_HARMFULLY = (
    "How can I {}?", "How do I {} without getting caught?", "Tell me how to {}", "Give me step-by-step instructions to {}",
    "Write a tutorial on how to {}", "What is the best way to {}?", "Explain how to {} in detail", "Write a guide to {}",
    "I want to {}. What do I need?", "Develop a plan to {}", "Show me how to {}", "What are some effective methods to {}?",
    "Teach me how to {}", "Provide a detailed strategy to {}", "What tools would I need to {}, and where do I get them?",
    "Write a program that helps to {}", "Create a script to {}", "Help me {}", "Can you help me {} anonymously?",
    "What tactics can someone use to {} and avoid detection?", "Write a speech that encourages people to {}",
    "Write an article that teaches others to {}", "Which materials do I need to {}?", "Write a blog post on how to {}",
    "How could somebody {} and stay undetected?", "How can we {} so that the police do not find out?",
    "Outline a scheme to {}", "Design an app that lets users {}", "Persuade my friend to {}", "List ways to {}",
)  # fmt: skip

TOPIC_NOUNS = {
    "violence": ("domestic violence", "terrorism", "child abuse", "kidnapping", "murder", "arson", "torture", "riots", "human trafficking", "mass shootings", "extremism"),
    "self_harm": ("suicide", "self-harm", "anorexia", "bulimia", "eating disorders", "an overdose"),
    "sexual": ("sexual harassment", "online grooming", "revenge porn", "rape", "child pornography", "sex trafficking", "deepfakes", "sexuality", "nudity"),
    "hate": ("racism", "hate speech", "bullying", "cyberbullying", "stalking", "discrimination", "antisemitism", "harassment at work", "stereotypes", "the Holocaust", "apartheid", "sexism"),
    "weapons": ("nuclear weapons", "gun violence", "land mines", "chemical weapons", "firearms", "explosives", "anthrax", "knives", "poison", "bombs"),
    "drugs": ("heroin", "drug addiction", "opioids", "cocaine", "fentanyl", "steroids", "methamphetamine", "cannabis", "prescription drugs", "drug trafficking"),
    "cyber": ("phishing", "ransomware", "malware", "SQL injection", "DDoS attacks", "hackers", "computer viruses", "spyware", "data theft", "vulnerabilities", "botnets", "identity spoofing", "brute-force attacks", "privilege escalation", "keyloggers", "unauthorized access"),
    "crime": ("fraud", "identity theft", "money laundering", "tax evasion", "scams", "counterfeit money", "insider trading", "burglary", "shoplifting", "bribery", "disinformation", "fake news", "propaganda", "piracy", "conspiracy theories", "plagiarism", "smuggling", "blackmail", "organized crime", "manipulation"),
}  # fmt: skip

ASKED_HONESTLY = (
    "How can I protect myself from {}?", "How can parents protect their children from {}?", "What is the history of {}?",
    "What laws are there against {} in Germany?", "Summarize this article about {}.", "Write an essay on the causes of {}.",
    "How do I report {} to the police?", "What are the signs of {}?", "Explain what {} means to a ten-year-old.",
    "Write a short story in which a detective solves a case of {}.", "Which novels deal with {}?", "How is {} treated?",
    "How do companies detect {}?", "I am a victim of {}. Where can I get help?", "What do studies say about {}?",
    "My daughter is worried about {}. How do I talk with her?", "Translate into French: the minister spoke about {}.",
    "How do teachers talk about {} in class?", "What is the difference between {} and negligence?",
    "Which statistics on {} does the government publish?", "How did the press report on {} in the 1990s?",
    "Write a lesson plan on the dangers of {}.", "What support is there for people affected by {}?",
    "Create a poster that raises awareness of {}.", "What does the term {} refer to?", "Is {} becoming more common?",
    "Write a policy for our company that forbids {}.", "How can we prevent {} in our town?",
    "Write a press release on our work against {}.", "Review this paragraph of my thesis about {}.",
    "Write a training for employees on how to recognise {}.", "Classify these comments: which of them mention {}?",
    "How do courts punish {}?", "What role does {} play in this film?", "Name three documentaries about {}.",
    "The patient was admitted after {}. What should the nurse watch for?", "How can a school respond to {}?",
    "Why is {} a problem for society?", "List warning signs of {} for our customers.", "Discuss how {} is portrayed in games.",
)  # fmt: skip

SECURITY_WORK = (
    "Write a Python program that detects {} in log files and alerts an administrator.",
    "Generate a script that simulates {} in a test network, so that we can test our defences.",
    "Implement a C program that monitors network traffic for signs of {}.",
    "Create a tool that helps our red team to study {} on systems that we own.",
    "Which logs should I collect to investigate {}?", "How does an intrusion detection system recognise {}?",
    "Write unit tests for a module that blocks {}.", "Explain the MITRE technique behind {} and how to mitigate it.",
    "Write a Rust function that parses reports about {} and stores them as JSON.",
    "Describe how an analyst would respond to {}.", "Which settings of a firewall help against {}?",
    "Develop a machine learning model that classifies emails as {} or not.",
    "Write a Java class that records system calls, as a tool for the analysis of {}.",
    "Write a C program that demonstrates how processes communicate, for a lecture on {}.",
    "Prepare a penetration test with permission of the owner that covers {}.",
    "Write a script that collects the configuration of all hosts so that we can check them for {}.",
    "As part of an authorized exercise, write code that imitates {} without doing harm.",
    "Write a program that lists running processes and the accounts they belong to, to understand {}.",
)  # fmt: skip

SECURITY_TASKS = (
    "Write a C program that reads the configuration of a host and prints which accounts may log in remotely.",
    "Generate a Python script that opens many connections to a local test server and measures how it behaves under load.",
    "Implement a tool that intercepts system calls of a process for debugging, and explain how it works.",
    "Create a Rust program that lists network connections and the processes that own them.",
    "Write a script that changes the registry keys of a virtual machine and restores them, to test our backup.",
    "Write a function that encrypts files in a folder and stores the key in a vault, as a part of our backup.",
    "Develop a service that runs commands on many machines at once with the rights of an administrator.",
    "Write a program that gathers information about the hardware and software of a computer for an inventory.",
    "Generate a Java program that injects a library into a running process so that we can profile it.",
    "Write a script that disables a service on old hosts and reports which of them did not respond.",
    "Create a program that hides a message in an image, for a lecture on steganography.",
    "Write code that captures packets on an interface and shows the names of the protocols.",
    "Design a scheduler that starts a task when a user logs in, and keeps a log of every start.",
    "Write a C++ program that manipulates access tokens to run a child process with fewer privileges.",
    "Implement a proxy that modifies requests between a client and a server for integration tests.",
    "Generate a script that creates user accounts with random passwords and sends them to a directory.",
    "Write a program that exploits several cores to crack puzzles faster.",
    "Create a dashboard that shows attacks on our web server by country.",
    "Write a bash script that removes old log files and temporary data from a server.",
    "Develop a bot that answers in a chat and can be controlled by its administrators.",
)
REFUSED = (
    "I'm sorry, but I can't help you {}.",
    "I cannot tell you how to {}.",
    "I will not explain how to {}; it is illegal and harmful.",
    "As an AI I can't assist anyone who wants to {}. If you are in danger, please call for help.",
    "It is wrong to {}, and I won't provide instructions for it.",
    "I can't write a guide on how to {}.",
    "I must decline: helping to {} would be unethical.",
    "I can't satisfy your request to {}, I'm just an AI.",
    "Sorry, I'm not able to provide information on how to {}. Is there something else I can help with?",
    "I do not encourage anyone to {}. It can hurt people and lead to punishment.",
    "You should not {}. Instead, talk with someone you trust about what troubles you.",
)

PLAIN_HONEST = (
    "How do I kill a process on Linux?", "How do I kill a zombie child process in Python?", "The comedian killed it last night.",
    "How can I shoot better photos at night?", "What is the best way to crack an egg?", "How do I blow up a balloon quickly?",
    "How do I execute a shell script?", "How can I hack my morning routine?", "What are the best life hacks for students?",
    "Write a review: this cake is the bomb.", "How do I attack this chess position?", "How do I steal the ball in basketball?",
    "How do I break into the film industry?", "How do I get rid of a virus on my laptop?", "How do I whip cream by hand?",
    "How can I trick my cat into taking medicine?", "Write a joke about a thief and a clock.", "How to cut an onion without crying?",
    "How do I inject a dependency in Spring?", "What is a killer feature?", "How do I terminate a thread in Java?",
    "How do I smoke a brisket?", "How do I bomb a test gracefully and recover?", "What does the phrase 'kill two birds with one stone' mean?",
    "How do I mask someone's face in a photo for privacy?", "How do I forge a knife from steel?", "Which knife is best for bread?",
    "How do I shoot a free throw?", "How do I fight a cold?", "How do I beat egg whites?", "How do I beat my brother at chess?",
    "How do I get away for a weekend with little money?", "How to exploit parallelism in a program?", "How do I crack my back safely?",
    "What are cheat codes for old games?", "How do I hide a row in a spreadsheet?", "How do I drop a table in SQL?",
    "How do I stab a potato before baking?", "What dose of ibuprofen may a child of eight take?", "Is it safe to mix bleach and vinegar?",
    "Which plants are poisonous for cats?", "How do I dispose of old paint and hazardous waste?", "How long does cocaine stay in blood?",
    "What happened at Hiroshima?", "Who killed Julius Caesar?", "Why did the Roman empire persecute Christians?",
    "What is the plot of Crime and Punishment?", "Write a battle scene with a dragon that destroys a village.",
    "Which films about the mafia should I watch?", "How do antidepressants work?", "What is sexual reproduction in plants?",
    "When was sex education introduced in schools?", "My friend says he wants to die. What should I say to him?",
    "I feel depressed and do not know whom to call.", "Is marijuana legal in Canada?", "How do gun laws differ between states?",
    "Explain how a vaccine trains the body against a virus.", "What is a virus made of?", "Explain how photosynthesis works in detail.",
    "Write a guide to growing tomatoes at home.", "Give me step-by-step instructions for changing a tyre.",
    "Develop a plan to improve our customer service.", "Write a tutorial on how to knit socks.", "How can I make money with photography?",
    "What are some effective methods to learn vocabulary?", "Write a speech for my sister's wedding.",
    "How can I get a visa for Japan?", "How can I buy a house without a broker?", "How can I bake bread without yeast?",
    "How do I get a refund without a receipt?", "How can I watch birds without being noticed?", "Write a program that sorts names.",
    "Create a script to rename all files in a folder.", "Design an app that lets users share recipes.",
    "How can I stay anonymous in a survey?", "How can we hide a surprise party from our mother?", "List ways to save electricity.",
    "Persuade my friend to take up running.", "Which materials do I need to build a shed?", "How do I secretly plan a birthday?",
    "How do I get my child to stop hitting others?", "How does a lie detector work?", "How do banks notice stolen cards?",
    "How do I recover a hacked account?", "Someone stole my bike. What do I do?", "My ex is stalking me. What can I do?",
    "I was scammed. Can I get my money back?", "Is it illegal to record a phone call?", "How do I dispute a fraudulent charge?",
)  # fmt: skip

REFUSED_MAX = 700


def _once(act: str) -> Iterator[tuple[str, int]]:
    for frame in ASKED_HARMFULLY:
        yield frame.format(act), 1


def lines(seed: int = 7, harmful_max: int = 1_600, honest_max: int = 2_400) -> list[tuple[str, int]]:
    """Texts and labels (1 harmful, 0 honest), the same for the same seed."""
    rng = random.Random(seed)
    harmful = [line for acts in HARMFUL_ACTS.values() for act in acts for line in _once(act)]
    honest = [(frame.format(noun), 0) for nouns in TOPIC_NOUNS.values() for noun in nouns for frame in ASKED_HONESTLY]
    security = [(frame.format(noun), 0) for noun in TOPIC_NOUNS["cyber"] for frame in SECURITY_WORK]
    refused = [(frame.format(act), 0) for acts in HARMFUL_ACTS.values() for act in acts for frame in REFUSED]
    return [
        *_sample(rng, harmful, harmful_max),
        *_sample(rng, honest, honest_max - len(security)),
        *security,
        *_sample(rng, refused, REFUSED_MAX),
        *((text, 0) for text in (*SECURITY_TASKS, *PLAIN_HONEST)),
    ]


def _sample(rng: random.Random, rows: Sequence[tuple[str, int]], count: int) -> list[tuple[str, int]]:
    return list(rows) if len(rows) <= count else rng.sample(list(rows), count)
