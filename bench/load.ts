import { z } from 'zod'
import { askScript } from './process.ts'

/** So many signed GitHub pushes, sent over kept connections, each of which waits for its answer. */
export const Load = z.object({
  url: z.string(),
  secret: z.string(),
  /** Taken in turns. */
  repositories: z.array(z.object({ fullName: z.string(), cloneUrl: z.string() })).min(1),
  connections: z.number(),
  warmUp: z.number(),
  count: z.number(),
})
export type Load = Readonly<z.infer<typeof Load>>

const LoadResult = z.object({
  perSecond: z.number(),
  /** From the first request to the last answer, the warm-up included. */
  seconds: z.number(),
  endedAt: z.number(),
  p50: z.number(),
  p99: z.number(),
  max: z.number(),
  bodyBytes: z.number(),
  /** Answers by HTTP status, the warm-up included. */
  statuses: z.record(z.string(), z.number()),
})
export type LoadResult = Readonly<z.infer<typeof LoadResult>>

/** Sends the load from a process of its own; rejects unless every answer has the expected status. */
export async function sendLoad(load: Load, expectedStatus: number): Promise<LoadResult> {
  const result = LoadResult.parse(await askScript(new URL('./load-generator.ts', import.meta.url), load))
  const expected = { [expectedStatus]: load.warmUp + load.count }
  if (JSON.stringify(result.statuses) !== JSON.stringify(expected)) {
    throw new Error(`${load.url} answered ${JSON.stringify(result.statuses)}`)
  }
  return result
}
