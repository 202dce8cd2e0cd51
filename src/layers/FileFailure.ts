/** The code of a system error, such as `ENOENT`; empty where there is none. */
export const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string" ? cause.code : ""

/** Why a file could not be read, in words that follow its name. */
export const reasonOf = (cause: unknown): string => {
  switch (codeOf(cause)) {
    case "ENOENT":
      return "there is no such file"
    case "EACCES":
    case "EPERM":
      return "may not be read by this user"
    case "EISDIR":
      return "is a directory, not a file"
    case "ELOOP":
      return "is a loop of symbolic links"
    default:
      return `cannot be read (${codeOf(cause) || "unknown reason"})`
  }
}
