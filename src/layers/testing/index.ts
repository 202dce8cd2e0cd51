export * as ChaosLink from "./ChaosLink.ts"
export * as MonitorTest from "./MonitorTest.ts"
export * as PicTest from "./PicTest.ts"
