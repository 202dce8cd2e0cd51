/** A family of samples under one name, in the Prometheus text exposition format 0.0.4. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: "counter" | "gauge" | "histogram" | "summary"
  readonly samples: ReadonlyArray<Sample>
}

/** One value. `suffix` is appended to the name of the family (`_sum`, `_count`, `_bucket`). */
export interface Sample {
  readonly suffix?: string | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
  readonly value: number
}

const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")
const escapeLabel = (text: string): string => escapeHelp(text).replaceAll("\"", "\\\"")

const number = (value: number): string =>
  Number.isNaN(value) ? "NaN" : value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : String(value)

const sample = (name: string, s: Sample): string => {
  const labels = Object.entries(s.labels ?? {}).map(([key, value]) => `${key}="${escapeLabel(value)}"`).join(",")
  return `${name}${s.suffix ?? ""}${labels === "" ? "" : `{${labels}}`} ${number(s.value)}`
}

/** The text of all families. */
export const format = (families: ReadonlyArray<Family>): string =>
  families.map(({ help, name, samples, type }) =>
    [`# HELP ${name} ${escapeHelp(help)}`, `# TYPE ${name} ${type}`, ...samples.map((s) => sample(name, s)), ""].join(
      "\n"
    )
  ).join("")
