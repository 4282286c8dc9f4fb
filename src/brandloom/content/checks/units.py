"""Units of money and measure, by their spellings in English and Chinese."""

from __future__ import annotations

from decimal import Decimal

_CURRENCIES = {"GBP": "£ pound pounds quid gbp 英镑 镑", "USD": "$ us$ dollar dollars buck bucks usd 美元 美金 刀",
               "EUR": "€ euro euros eur 欧元", "CNY": "¥ yuan rmb cny 元 块 块钱 人民币 圆", "JPY": "yen jpy 日元", "KRW": "₩ krw 韩元",
               "INR": "₹ inr rupees 卢比", "HKD": "hk$ hkd 港币 港元", "CAD": "c$ cad", "AUD": "a$ aud", "CHF": "chf"}
MONEY_SIGNS = {sign: currency for currency, signs in _CURRENCIES.items() for sign in signs.split()}
MINOR = {"p": "GBP", "pence": "GBP", "penny": "GBP", "cents": "", "cent": "", "分钱": "CNY", "毛": "CNY", "毛钱": "CNY", "角": "CNY"}
# kind, base unit, then unit spellings by their size in that unit
_MEASURES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("duration", "h", {"1/3600": "second seconds sec secs s 秒 秒钟", "1/60": "minute minutes min mins 分钟",
                       "1": "hour hours hr hrs h 小时 个小时 钟头 个钟头 个钟",
                       "24": "day days d 天 日 working-day working-days business-day business-days 个工作日 工作日 night nights 晚 昼夜",
                       "168": "week weeks wk wks 周 星期 个星期 礼拜 个礼拜 fortnight"}),
    ("duration", "mo", {"1": "month months mth mths 个月 月", "12": "year years yr yrs 年 年份", "120": "decade decades"}),
    ("length", "mm", {"1": "mm millimetre millimetres millimeter millimeters 毫米",
                      "10": "cm cms centimetre centimetres centimeter centimeters 厘米 公分",
                      "1000": "m metre metres meter meters 米", "1000000": "km kilometre kilometres kilometer kilometers 公里 千米",
                      "25.4": "inch inches \" ″ 英寸 寸", "304.8": "ft foot feet 英尺", "914.4": "yd yard yards 码", "1609344": "mile miles 英里"}),
    ("mass", "g", {"0.001": "mg milligram milligrams 毫克", "1": "g gr gram grams gramme grammes 克", "500": "斤 市斤", "50": "两",
                   "1000": "kg kgs kilo kilos kilogram kilograms 千克 公斤", "28.349523": "oz ounce ounces 盎司", "453.59237": "lb lbs 磅",
                   "1000000": "tonne tonnes 吨"}),
    ("volume", "ml", {"1": "ml mls millilitre millilitres milliliter milliliters cc 毫升", "10": "cl centilitre centilitres centiliter",
                      "100": "dl", "1000": "l ltr litre litres liter liters 升 公升", "568.26125": "pint pints 品脱",
                      "3785.41": "gallon gallons 加仑",
                      "29.5735": "fl-oz floz fluid-ounces"}),
    ("area", "m2", {"1": "m² m2 sqm square-metres square-meters 平方米 平米 平 ㎡", "0.0001": "cm² cm2 平方厘米", "666.6667": "亩",
                    "10000": "hectares hectare 公顷"}),
    ("power", "W", {"1": "w watt watts 瓦", "1000": "kw kilowatt kilowatts 千瓦", "735.5": "hp horsepower 马力 匹"}),
    ("energy", "Wh", {"1": "wh 瓦时", "1000": "kwh 度电 千瓦时"}),
    ("calories", "kcal", {"1": "kcal calories calorie 大卡 千卡 卡路里", "0.2390057": "kj 千焦"}),
    ("charge", "mAh", {"1": "mah 毫安 毫安时", "1000": "ah 安时"}),
    ("voltage", "V", {"1": "v volt volts 伏 伏特"}), ("current", "A", {"1": "a amp amps 安培", "0.001": "ma"}),
    ("temperature", "C", {"1": "°c degrees degree ℃ 度 摄氏度 °"}), ("colour temperature", "K", {"1": "k kelvin 开尔文"}),
    ("storage", "MB", {"1": "mb 兆", "1024": "gb", "1048576": "tb", "0.0009765625": "kb"}),
    ("frequency", "Hz", {"1": "hz 赫兹", "1000": "khz", "1000000": "mhz", "1000000000": "ghz"}),
    ("sound", "dB", {"1": "db decibel decibels 分贝"}), ("light", "lm", {"1": "lm lumen lumens 流明"}), ("illuminance", "lx", {"1": "lux lx 勒克斯"}),
    ("turns", "rpm", {"1": "rpm 转 转每分"}), ("resolution", "px", {"1": "px pixels 像素", "1000000": "megapixel megapixels mp", "10000": "万像素"}),
    ("weave", "gsm", {"1": "gsm g/m² g/m2"}), ("denier", "D", {"1": "denier 旦"}), ("pressure", "bar", {"1": "bar 巴", "0.001": "mbar", "0.01": "kpa",
                                                                                                       "10": "mpa"}),
    ("speed", "km/h", {"1": "km/h kph 公里/小时 码时速", "1.609344": "mph"}),
)
UNITS = {name.replace("-", " "): (kind, base, Decimal(size.split("/")[0]) / Decimal(size.split("/")[1] if "/" in size else 1))
         for kind, base, sizes in _MEASURES for size, names in sizes.items() for name in names.split()}
