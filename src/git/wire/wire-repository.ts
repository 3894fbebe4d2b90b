import type { RemoteUrl, Sha } from '../refs.ts'
import type { Advertisement } from './advertisement.ts'
import type { ListedRef } from './ls-refs.ts'
import type { RefUpdate, UpdateReport } from './receive-pack.ts'

// A repository on a git server, and what can be asked of it without git, whatever the way to the server.
//
// Nobody is contacted before something is asked. Everything rejects with a `WireError` at an answer that is not
// exactly what was asked for, and with another error at none. Answers come in the order of the questions, so
// whoever asks twice reads the first answer first; nothing but an update follows the question for a pack.
// Disposing ends what is still under way, and resolves when nothing of it is left.

export type WireRepository = AsyncDisposable & {
  readonly url: RemoteUrl
  /** Checked already; none when a proxy finds them out. */
  readonly addresses: readonly string[]
  /** What the server can do; of one without version 2 of the protocol little is read. */
  readonly askAdvertisement: () => Promise<Advertisement>
  /** Calls back with every ref whose name begins with one of the prefixes. */
  readonly listRefs: (prefixes: readonly string[], onRef: (ref: ListedRef) => void) => Promise<void>
  /** The pack that leads from one commit to another, as it arrives; it ends well only when it is complete. */
  readonly openPack: (commits: { readonly want: Sha; readonly have: Sha }) => AsyncGenerator<Buffer>
  /** Does beforehand what an update need not wait for; whether it works shows in the update. */
  readonly prepareUpdate: () => Promise<void>
  /** Sends an update with its pack, and says what became of it. */
  readonly sendUpdate: (
    update: RefUpdate,
    pack: Uint8Array | AsyncIterable<Uint8Array>,
  ) => Promise<UpdateReport>
}

/** Ends the work, and hears of every sign of life. */
export type WireWatch = { readonly signal: AbortSignal; readonly onProgress: () => void }
