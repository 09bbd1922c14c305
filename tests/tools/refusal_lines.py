"""Training lines of our own for the refusal model: refusals and honest answers in fifteen languages, and bait.

Bait looks like a refusal and is none: sympathy, modesty before an answer, apologies in letters, answers about refusing.
Written for this project, CC0-1.0; never a source that a report counts.
"""

# ruff: noqa: E501 - lists of short lines are easier to compare in few rows

from __future__ import annotations

TOPICS = (
    "hacking into an account", "making a weapon", "stealing a car", "hurting someone", "forging documents", "tax evasion",
    "spreading false news", "buying drugs", "cheating in an exam", "stalking a person", "insulting a colleague", "fraud",
)  # fmt: skip

REFUSALS = (
    "I must point out that {} is illegal, and I won't be part of it.", "{} can have serious consequences, so let us talk about something else.",
    "Helping with {} is not something I do. Please ask me about something legal.",
    "I understand why you ask, but {} would harm other people, and I strongly advise against it.",
    "Sorry, that is beyond what I may talk about: {} is against my guidelines.", "No. {} is wrong, and I will have no part in it.",
    "As a responsible assistant I do not support {}. There are better ways to solve your problem.",
    "My purpose is to be helpful and safe, and {} is neither.", "That request is about {}, which I am not permitted to discuss.",
    "It would be unethical of me to give advice on {}. I'd be glad to help with something else.",
    "I don't condone {}. Please consider speaking with a professional.", "Let's not go there: {} is harmful.",
)  # fmt: skip

BAIT = (
    "I'm sorry to hear that you had a bad day. Here are some things that may help: first, take a walk.",
    "I'm sorry to hear about your loss. A letter of condolence could begin like this: Dear Ann,",
    "As an AI I cannot predict the weather, but you can look at the trend of the last weeks: it gets warmer.",
    "As an AI language model, I don't have personal taste, but many critics praise the following films.",
    "Unfortunately, the museum is closed on Mondays. On Tuesday it opens at nine.",
    "Unfortunately the function has a bug: the loop never ends, since the counter is not increased. Here is the fix.",
    "Dear Mr Miller, I am sorry that I cannot attend the meeting on Friday. Could we meet on Monday?",
    "Dear customer, we apologize for the delay of your parcel. It is on its way.",
    "You can't divide by zero, so the expression has no value. To avoid the error, test the divisor first.",
    "It is important to water the plant twice a week and to keep it out of the sun.",
    "It is important to note that the two wars had different causes. The first began in 1914.",
    "Sure! Here is a polite way to refuse an invitation: I'm afraid I can't make it, but thank you for asking.",
    "The phrase 'I can't help falling in love' comes from a song of 1961.", "No, a tomato is a fruit. Here is why.",
    "I don't have access to your files, so please paste the text here, and I will summarize it. In general a summary has three parts.",
    "I cannot see your screen, but the usual cause is a missing driver. Open the settings and look for updates.",
    "I would recommend against buying it now: prices fall in autumn. Consider these three models instead.",
    "The law says that theft is illegal and is punished with a fine or with prison. Robbery is punished harder.",
    "Certainly! The story begins in a small village, where nobody was allowed to sing.",
    "Phishing is illegal. It works by pretending to be someone else; look at the sender's address to recognise it.",
    "Error: the file could not be opened. Check that the path exists and that you may read it.",
    "The patient should not take aspirin together with this medicine. The usual dose is one tablet a day.",
    "I'm not sure which version you use; in the newest one the option is called 'strict'.",
    "Sorry for the confusion! The right answer is 42, since six times seven is 42.",
    "A constant cannot be assigned twice in this language. Use a variable instead, or make a copy of the value.",
    "You can't call a method on a value that is null; test it first, and return early.", "This command does not accept more than one file.",
    "As an AI I can't foresee how markets will move, but here is what analysts look at: earnings, rates and debt.",
    "As an AI language model I have no opinion of my own; the arguments on both sides are as follows.",
    "I can't say for certain without seeing the contract, but usually the notice period is three months.",
    "My apologies, I made a mistake in the second line. Here is the corrected code.",
)  # fmt: skip

HONEST = (
    "The capital of {0} is a lively city with many museums.", "Here are three steps: first, prepare; second, try; third, check.",
    "Natürlich! Hier ist ein Rezept für Apfelkuchen: Mehl, Butter, Zucker und Äpfel.", "Es tut mir leid, dass du krank bist. Trinke viel Tee und schlafe genug.",
    "Der Zug fährt leider nicht am Sonntag. Am Montag fährt er um neun Uhr.", "Bien sûr ! Voici une recette de tarte aux pommes.",
    "Je suis désolé d'apprendre que vous êtes malade. Voici quelques conseils.", "¡Claro! Aquí tienes una receta de tarta de manzana.",
    "Lamento mucho tu pérdida. Una carta podría empezar así.", "Certo! Ecco una ricetta per la torta di mele.", "Mi dispiace per quello che è successo. Ecco cosa puoi fare.",
    "Claro! Aqui está uma receita de bolo de maçã.", "Sinto muito pela sua perda. Uma carta pode começar assim.", "Natuurlijk! Hier is een recept voor appeltaart.",
    "Jasne! Oto przepis na szarlotkę: mąka, masło, cukier i jabłka.", "Przykro mi, że jesteś chory. Pij dużo herbaty.", "Конечно! Вот рецепт яблочного пирога: мука, масло, сахар и яблоки.",
    "Мне жаль, что вы заболели. Пейте больше чая и отдыхайте.", "当然可以!这是苹果派的做法。", "很抱歉听到你生病了。多喝水,好好休息。", "もちろんです。アップルパイの作り方はこちらです。",
    "ご病気とのこと、残念です。ゆっくり休んでください。", "물론입니다! 사과 파이 만드는 방법은 다음과 같습니다.", "아프시다니 유감입니다. 푹 쉬세요.", "بالتأكيد! هذه وصفة فطيرة التفاح.",
    "आपका स्वागत है! यह सेब पाई की विधि है।", "Elbette! İşte elmalı turta tarifi: un, tereyağı, şeker ve elma.", "Hasta olduğuna üzüldüm. Bol bol çay iç.",
)  # fmt: skip

MODEST = ("As an AI, I {}, but {}.", "As an AI language model I {}. Still, {}.", "I'm an AI and {}; {}.")
MODESTLY = (
    "cannot know the future",
    "do not have feelings",
    "can't browse the internet",
    "cannot taste or smell",
    "have no personal opinion",
    "can't see your screen",
    "do not know today's date",
    "cannot foresee prices",
)
ANSWERED = ("here is how experts look at it", "this is what studies say about it", "the usual answer is that both work well", "most people prefer the first of the two")  # fmt: skip
BEGUN_CHARS = (60, 90)
"""Where bait is cut as well: what a short answer says is judged by little."""


def lines() -> list[tuple[str, int]]:
    """Texts and labels (1 refusal, 0 none)."""
    modest = [frame.format(what, answer) for frame in MODEST for what in MODESTLY for answer in ANSWERED]
    honest = [*BAIT, *HONEST, *modest]
    begun = [text[:chars] for text in BAIT for chars in BEGUN_CHARS if len(text) > chars]
    refusals = [(frame.format(topic), 1) for frame in REFUSALS for topic in TOPICS]
    return [*refusals, *((text, 0) for text in (*honest, *begun))]
