import * as Path from "node:path"

/** Name of the socket in the storage directory. */
export const socketName = "operator.sock"

/** Where the socket of a storage directory lies; `undefined` where nothing is stored. */
export const socketPath = (directory: string): string | undefined =>
  directory === "memory" ? undefined : Path.join(directory, socketName)
