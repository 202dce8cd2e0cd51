/** The vocabulary of legitimate traffic: with apostrophes, accents, other scripts and punctuation, as people have them. */
import type { Seeded } from "./Seeded.ts"

const list = (text: string): ReadonlyArray<string> => text.split("|")

export const firstNames = list(
  "Anna|James|Maria|Thomas|Sophie|Lucas|Emma|Noah|Julia|Peter|Laura|Daniel|Sarah|Michael|Eva|Jan|Lena|Paul|Ines|David|"
    + "Zoë|Björn|Søren|François|José|Łukasz|Chloé|Jürgen|Siân|Renée|Anne-Marie|Jean-Luc|D'Arcy|Mary Ann|Nguyễn|Αλέξης|"
    + "Ольга|陽子|Ahmed|Priya|Chinedu|Aoife|Mei|Ravi|Fatima|Kwame|Yuki|Ivan|Olga|Nils|Ana|Bo|Al|Wilhelmina"
)
export const lastNames = list(
  "Smith|Müller|Rossi|García|Dubois|Novak|Jensen|Andersson|Silva|Kowalski|Brown|Schmidt|Weber|Fischer|Martin|Bernard|"
    + "O'Brien|O'Neill|D'Angelo|van der Berg|de la Cruz|von Stein|MacDonald|McCarthy|St. John|Al-Farsi|Ben-David|"
    + "Nakamura|Okafor|Singh|Patel|Chen|Kim|Nguyễn|Dvořák|Þórsson|Παπαδόπουλος|Иванова|田中|Lee|Wu|Ng|Wolfeschlegelstein"
)
export const mailDomains = list(
  "gmail.com|outlook.com|gmx.de|web.de|yahoo.fr|proton.me|icloud.com|example.org|mail.example.co.uk|uni-bonn.example|"
    + "posteo.example|hotel-partner.example.com|t-online.example|laposte.example|seznam.example"
)
export const streets = list(
  "Hauptstraße|High Street|Rue de l'Église|Via Roma|Calle Mayor|Station Road|Lindenweg|Church Lane|Avenue Foch|"
    + "Gamla Brogatan|King's Road|Am Alten Markt|Boulevard St-Michel|Piazza Dante|Ul. Długa|Nørregade|Paseo del Prado"
)

/** A city with the form of its postcodes. */
export interface City {
  readonly name: string
  readonly country: string
  readonly postcode: (random: Seeded) => string
}
const digits = (length: number) => (random: Seeded): string => random.digits(length)
const capital = (random: Seeded): string => random.letters(1).toUpperCase()
export const cities: ReadonlyArray<City> = [
  { name: "Berlin", country: "DE", postcode: digits(5) },
  {
    name: "London",
    country: "GB",
    postcode: (r) => `${capital(r)}${r.int(1, 20)} ${r.int(1, 9)}${capital(r)}${capital(r)}`
  },
  { name: "Paris", country: "FR", postcode: digits(5) },
  { name: "Köln", country: "DE", postcode: digits(5) },
  { name: "Amsterdam", country: "NL", postcode: (r) => `${r.int(1_000, 9_999)} ${capital(r)}${capital(r)}` },
  { name: "Kraków", country: "PL", postcode: (r) => `${r.digits(2)}-${r.digits(3)}` },
  { name: "San José", country: "US", postcode: (r) => r.digits(5) + (r.chance(0.2) ? `-${r.digits(4)}` : "") },
  { name: "Malmö", country: "SE", postcode: (r) => `${r.digits(3)} ${r.digits(2)}` },
  { name: "Saint-Denis", country: "FR", postcode: digits(5) },
  { name: "'s-Hertogenbosch", country: "NL", postcode: (r) => `${r.int(1_000, 9_999)}${capital(r)}${capital(r)}` },
  { name: "Zürich", country: "CH", postcode: digits(4) },
  { name: "Aix-en-Provence", country: "FR", postcode: digits(5) }
]

export const locales = list("de-DE|en-GB|fr-FR|en-US|nl-NL|pl-PL|sv-SE|de-CH|it-IT|es-ES")

/** Browsers of one moment: versions move, forms stay. */
export const userAgents = (random: Seeded): ReadonlyArray<string> => [
  `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${
    random.int(118, 131)
  }.0.0.0 Safari/537.36`,
  `Mozilla/5.0 (iPhone; CPU iPhone OS ${random.int(15, 18)}_${
    random.int(0, 6)
  } like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148`,
  `Mozilla/5.0 (X11; Linux x86_64; rv:${random.int(115, 132)}.0) Gecko/20100101 Firefox/${random.int(115, 132)}.0`,
  `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/${
    random.int(15, 18)
  }.${random.int(0, 6)} Safari/605.1.15`,
  `GuesthouseApp/${random.int(3, 4)}.${random.int(0, 12)}.${random.int(0, 9)} (Android ${random.int(11, 15)})`
]

export const tags = list("wifi|parking|pets|pool|sauna|balcony|family|quiet|accessible|sea-view|kitchen|24h-desk")
export const wishes = list(
  "quiet room|family room, # people|room with balcony|double + cot|cheap & clean|loft|2 bedrooms|pet-friendly studio|"
    + "penthouse w/ view|something romantic|room under 80 €|ground floor"
)
export const noteOpenings = list(
  "We arrive|Arriving|I'll be there|We'd like to check in|My parents will come|Late arrival:"
)
export const noteMiddles = list(
  "around #:30|after 22h|late in the evening|with # kids|by train (ICE #)|on flight LH#|with our dog|about #pm, maybe later"
)
export const noteEndings = list(
  "so please keep the key|and need a cot|- please call +49 151 23456#|and don't need parking|, thank you|; one of us is vegan|"
    + "and \"quiet side\" would be lovely|& want an early breakfast"
)
export const refundReasons = list(
  "cancelled in time|guest ill|double booking|heating didn't work|wrong rate (#%)|storno|goodwill|overcharged # nights|"
    + "no-show waived|room 1# flooded|flight LH# cancelled"
)
export const reviewOpenings = list(
  "Lovely place|Great stay|It's ok|We didn't like the room|Très bien|Sehr nette Leute|Super|Nice host, good beds|"
    + "10/10|The \"garden view\" was a car park"
)
export const reviewMiddles = list(
  "for # nights|, breakfast from # to 10|& the staff were kind|although it was 30% more than last year|(our #th visit)|"
    + "but the wi-fi isn't fast|; clean, quiet, central|with a view to the sea"
)
export const reviewEndings = list(
  "we'll come back|would recommend|bit pricey @ 120€|nothing to complain about|see you in 202#|5 min. to the station|"
    + "merci beaucoup|gerne wieder"
)
