import type { ForgeName } from './forge.ts'

// The REST side of a forge: one repository, its webhooks, and the deliveries the forge remembers.
//
// In:  where the API is, which repository, and a token that may administer it.
// Out: what is there in our words; a failure is a typed value, never a throw.
// Every call has a time limit, follows no redirect, and puts the token nowhere but in a header
// (or where the forge insists: see the adapter). It knows nothing of bindings and the database.

/** One hook as the forge has it. */
export type RemoteHook = {
  readonly id: string
  readonly url: string
  /** False: the forge (or a person) has switched it off. */
  readonly isActive: boolean
  /** Whether it is subscribed to everything that we need. */
  readonly hasEvents: boolean
  /** Why the forge does not deliver, when it says so. */
  readonly problem: string | null
}

/** What a hook is to be; the adapter adds events, content type and TLS verification by itself. */
export type WantedHook = {
  readonly url: string
  readonly secret: string
}

/** A delivery that the forge could not make, as its history remembers it. */
export type MissedDelivery = {
  /** What `redeliver` takes; where there is none, the id that the delivery itself carries. */
  readonly id: string
  readonly at: number
  /** With a payload: the headers, in lower case, that it takes to read it as a delivery. */
  readonly headers?: ReadonlyMap<string, string>
  /** The JSON that was to be delivered, where the history keeps it. */
  readonly payload: string | null
}

/** A repository as its forge has it now. */
export type RemoteRepository = {
  readonly id: string
  readonly defaultBranch: string | null
  /** Null: the forge does not say. */
  readonly isEmpty: boolean | null
  /** `pull`: the forge fills it from elsewhere by itself, and refuses pushes; null: not known of this forge. */
  readonly mirror: 'none' | 'pull' | null
  /** Why it is not filled, when the forge says so. */
  readonly mirrorProblem: string | null
}

export type RemoteBranch = { readonly name: string; readonly sha: string | null }

/** A repository that is to be a mirror which the forge itself fills. */
export type WantedMirror = {
  readonly cloneUrl: string
  /** What the forge is to show where it clones from; undefined: nothing. */
  readonly credential: { readonly username: string; readonly password: string } | undefined
  readonly isPrivate: boolean
  /** The forge's id of the owner; undefined: to be looked up by the name in the address. */
  readonly ownerId: string | undefined
}

export type ForgeApiFailure = {
  readonly kind:
    | 'unauthorized'
    | 'forbidden'
    | 'not_found'
    | 'rate_limited'
    | 'server_error'
    | 'unreachable'
    /** The certificate of the forge is not trusted, or TLS failed otherwise. */
    | 'tls'
    /** The proxy on the way to the forge refused. */
    | 'proxy'
    | 'refused'
    | 'unexpected'
  /** One sentence without the token: what the forge said. */
  readonly detail: string
  /** When the forge wants to be asked again, where it says so: mostly for `rate_limited`. */
  readonly retryAfterMs: number | null
}

export type ForgeApiOutcome<Result> =
  { readonly ok: true; readonly value: Result } | { readonly ok: false; readonly failure: ForgeApiFailure }

/** Calls about one repository; what a forge cannot do is absent. */
export type ForgeApi = {
  readonly listHooks: () => Promise<ForgeApiOutcome<readonly RemoteHook[]>>
  readonly createHook: (wanted: WantedHook) => Promise<ForgeApiOutcome<RemoteHook>>
  /** Makes the hook as wanted and switches it on; where only a new one can be so, it comes back with a new id. */
  readonly updateHook: (id: string, wanted: WantedHook) => Promise<ForgeApiOutcome<RemoteHook>>
  readonly deleteHook: (id: string) => Promise<ForgeApiOutcome<null>>
  /** Has the forge send a test delivery. */
  readonly testHook?: (id: string) => Promise<ForgeApiOutcome<null>>
  /** Deliveries of the hook that failed since then, oldest first. */
  readonly missedDeliveries?: (
    id: string,
    sinceMs: number,
  ) => Promise<ForgeApiOutcome<readonly MissedDelivery[]>>
  /** Has the forge send a delivery of its history again. */
  readonly redeliver?: (id: string, deliveryId: string) => Promise<ForgeApiOutcome<null>>
  readonly describeRepository?: () => Promise<ForgeApiOutcome<RemoteRepository>>
  /** Makes a branch that is there the default one; a forge that keeps its old one all the same is `refused`. */
  readonly setDefaultBranch?: (branch: string) => Promise<ForgeApiOutcome<null>>
  readonly listBranches?: () => Promise<ForgeApiOutcome<readonly RemoteBranch[]>>
  /** Makes the repository, which must not exist, as a mirror. */
  readonly createRepository?: (wanted: WantedMirror) => Promise<ForgeApiOutcome<null>>
  /** Has the forge fill its mirror now; it answers before that is done. */
  readonly triggerMirror?: () => Promise<ForgeApiOutcome<null>>
}

/** Where a repository is administered. */
export type ForgeApiTarget = {
  readonly forge: ForgeName
  /** The API of the instance, e.g. `https://git.example.com/api/v1`; undefined: derived from the address. */
  readonly apiUrl: string | undefined
  /** The repository's address as the binding has it. */
  readonly address: string
  readonly token: string
}
