"""The pieces of what people and bots write, by category and language: one of each list in turn makes a text."""

from __future__ import annotations

from typing import Final

_ITEMS_VI: Final = (
    "son, kem chống nắng, váy, áo khoác, tai nghe, nồi chiên, serum, túi, giày, sữa rửa mặt, nước hoa".split(", ")
)
_ITEMS_EN: Final = (
    "lipstick, sunscreen, dress, jacket, headphones, air fryer, serum, bag, sneakers, cleanser, perfume".split(", ")
)

PARTS: Final[dict[tuple[str, str], list[list[str]]]] = {
    ("praise", "vi"): [
        ["", "ôi ", "trời ơi ", "chị ơi ", "bạn ơi ", "công nhận ", "thật sự ", "mới nhận hôm qua, ", "mình cũng "],
        [
            f"{item} {word}"
            for item in _ITEMS_VI
            for word in ("đẹp quá", "xịn xò thật", "dùng thích lắm", "chất lượng", "đáng tiền")
        ]
        + [
            "mê kênh này ghê",
            "video hay quá",
            "nhìn cuốn ghê",
            "đỉnh của chóp",
            "review có tâm",
            "yêu chị quá",
            "xem mà thấy vui",
        ],
        ["", " luôn", " ạ", " nha", " nè", " á", " luôn á", ", giao nhanh nữa", ", sẽ ủng hộ tiếp", ", mua lần 2 rồi"],
        ["", "", "", " 😍", " ❤️", " 🥰", " 👍", " :))", "!!!", " ^^"],
    ],
    ("praise", "en"): [
        ["", "omg ", "honestly ", "okay but ", "just got mine, ", "wow ", "tbh ", "finally "],
        [
            f"the {item} {word}"
            for item in _ITEMS_EN
            for word in ("looks amazing", "is worth it", "is so good", "has nice quality", "changed my routine")
        ]
        + [
            "love your channel",
            "best review so far",
            "this made my day",
            "so helpful",
            "you explain it so well",
            "great video",
        ],
        ["", " ngl", " for real", ", thank you", ", will buy again", ", shipping was fast too", " as always"],
        ["", "", "", " 😍", " ❤️", " 🔥", "!", "!!", " :)"],
    ],
    ("question", "vi"): [
        ["", "cho mình hỏi ", "chị ơi ", "ad ơi ", "shop ơi ", "mn ơi ", "cho em hỏi "],
        [
            f"{item} {word}"
            for item in _ITEMS_VI
            for word in (
                "bao nhiêu tiền vậy",
                "còn màu khác k",
                "da dầu dùng dc ko",
                "mua ở đâu thế",
                "có size lớn không",
            )
        ]
        + [
            "bao giờ có hàng lại",
            "video sau làm về gì",
            "ship Đà Nẵng mấy ngày",
            "mã giảm giá còn hạn k",
            "quay bằng máy gì vậy",
        ],
        ["", " ạ", " v", " vậy ạ", " nhỉ", " thế chị"],
        ["", "?", "??", " ạ?", " 🤔"],
    ],
    ("question", "en"): [
        ["", "hey, ", "quick question, ", "sorry, ", "does anyone know, "],
        [
            f"is the {item} {word}"
            for item in _ITEMS_EN
            for word in (
                "still in stock",
                "good for oily skin",
                "true to size",
                "available in black",
                "worth the price",
            )
        ]
        + ["when is the restock", "what camera is this", "how long does shipping take", "is the code still valid"],
        ["", " in hanoi", " these days", " please", " or not"],
        ["?", "??", "? thanks", " 🤔"],
    ],
    ("complaint", "vi"): [
        ["", "thật sự ", "nói thật ", "mua rồi, ", "cảnh báo ", "mọi người ơi "],
        [
            f"{item} {word}"
            for item in _ITEMS_VI
            for word in ("dùng tệ lắm", "là hàng giả", "kém hơn quảng cáo", "đắt quá so với chất", "không đáng mua")
        ]
        + [
            "thất vọng quá",
            "lừa đảo nha",
            "giao hàng quá chậm",
            "gọi shop không ai nghe",
            "dùng 2 hôm là hỏng",
            "đợi hoàn tiền cả tuần",
        ],
        ["", " luôn", " á", ", chán", ", lần sau thôi", ", đừng mua", " huhu"],
        ["", "", " 😡", " 👎", "...", "!!!"],
    ],
    ("complaint", "en"): [
        ["", "honestly ", "sorry but ", "be careful, ", "update: "],
        [
            f"the {item} {word}"
            for item in _ITEMS_EN
            for word in (
                "broke after two days",
                "looks fake",
                "is a waste of money",
                "was disappointed",
                "smells terrible",
            )
        ]
        + [
            "this is a scam",
            "still waiting for my refund",
            "worst purchase this year",
            "nobody answers my emails",
            "arrived broken",
        ],
        ["", " sadly", ", never again", ", bad service", " tbh"],
        ["", "", " 😡", " 👎", "..."],
    ],
    ("generic", "vi"): [
        [
            "hay",
            "đẹp",
            "tuyệt vời",
            "xinh",
            "hóng",
            "chấm",
            "đẹp quá",
            "hay quá",
            "up",
            "thích",
            "xịn",
            "hay quá bạn ơi",
        ],
        ["", "", "", " ạ", " nha", " quá"],
        ["", "", "", " ❤️", " 😍", " 👍", "!"],
    ],
    ("generic", "en"): [
        [
            "nice",
            "cool",
            "wow",
            "love it",
            "awesome",
            "great",
            "so good",
            "nice pic",
            "amazing post",
            "beautiful",
            "keep it up",
        ],
        ["", "", "", " bro", " sis"],
        ["", "", "", " 🔥", " ❤️", " 👏", "!"],
    ],
    ("copied", "vi"): [
        ["Sản phẩm này ", "Mình đã dùng và ", "Nhờ bạn giới thiệu mà ", "Gia đình mình "],
        [
            "rất tuyệt vời, da đẹp lên hẳn sau một tuần",
            "thấy rất hài lòng với chất lượng",
            "ai cũng thích, cảm ơn bạn nhiều",
            "dùng rất tốt, mọi người nên mua thử",
            "mê lắm, đóng gói đẹp, giao hàng nhanh",
        ],
        ["", " nhé", ". Tuyệt vời!", ". Sẽ ủng hộ dài dài"],
    ],
    ("copied", "en"): [
        ["This product ", "I have used it and it ", "Thanks to you I found it, it ", "My whole family says it "],
        [
            "is really excellent and the quality is perfect",
            "changed my skin in one week",
            "is the best on the market",
            "is amazing, everyone should try it",
        ],
        ["", ".", ". Highly recommended", ". Will support forever"],
    ],
    ("spam", "vi"): [
        [
            "kiếm tiền online 500k mỗi ngày",
            "vay tiền nhanh không thế chấp",
            "tăng follow giá rẻ",
            "đầu tư lãi cao",
            "nhận quà giveaway",
        ],
        [", inbox mình nha", ", zalo 09{d}", ", link bio", ", telegram @hotro{d}", " tại shopgiare{d}.xyz"],
        ["", " 💰", " 🎁", "!!!"],
    ],
    ("spam", "en"): [
        [
            "earn money from home",
            "free followers here",
            "casino bonus today",
            "giveaway winner, claim now",
            "f4f sub4sub",
        ],
        [", click link", ", check inbox", ", telegram @promo{d}", " www.win{d}.top", ", promo code WIN{d}"],
        ["", " 💰", " 🎁", "!!!"],
    ],
}
