import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { describeCheckout } from './git/checkout.ts'

/** What exactly runs here. */
export type Version = {
  /** As in `v0.1.0`. */
  readonly version: string
  /** When the image was built, or the checked out commit made; null when neither is known. */
  readonly buildTime: string | null
  readonly commit: string | null
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const Package = z.object({ version: z.string() })
/** Written when an image is built. */
const Build = z.object({ git_commit: z.string(), build_time: z.string() })

/** Reads `package.json`, and what the building of an image has noted or git knows of a checkout. */
export async function readVersion(root = ROOT): Promise<Version> {
  const { version } = Package.parse(await readJson(`${root}/package.json`))
  const build = Build.safeParse(await readJson(`${root}/build.json`).catch(() => undefined)).data
  if (build !== undefined) {
    return { version: `v${version}`, buildTime: known(build.build_time), commit: known(build.git_commit) }
  }
  const checkout = await describeCheckout(root.replace(/\/$/, ''))
  return {
    version: `v${version}`,
    buildTime: checkout === undefined ? null : new Date(checkout.committedAt).toISOString(),
    commit: checkout?.commit ?? null,
  }
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await readFile(file, 'utf8'))
}

function known(text: string): string | null {
  return text === '' ? null : text
}
