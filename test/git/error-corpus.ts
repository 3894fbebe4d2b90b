import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'

// What git and the forges print, with where it was seen and the kind it must get.

const Sighting = z.strictObject({
  source: z.string(),
  kind: z.string(),
  /** What stands beside a ref that was refused. */
  reason: z.string().optional(),
  ref: z.string().optional(),
  stderr: z.string(),
})

export const CORPUS = z
  .array(Sighting)
  .parse(parse(readFileSync(new URL('error-corpus.yaml', import.meta.url), 'utf8')))
