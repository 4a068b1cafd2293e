import type { Command } from 'commander'

/** Commands that one file registers. It is loaded when one of them is called, or all of them are to be listed. */
interface CommandGroup {
  readonly names: readonly string[]
  load(): Promise<(program: Command) => void>
}

/** In the order of `--help`. */
const GROUPS: readonly CommandGroup[] = [
  { names: ['testnet'], load: async () => (await import('./testnet.ts')).registerTestnet },
  { names: ['network'], load: async () => (await import('./network.ts')).registerNetwork },
  { names: ['node'], load: async () => (await import('./node.ts')).registerNode },
  { names: ['invite', 'member'], load: async () => (await import('./members.ts')).registerMembers },
  { names: ['key'], load: async () => (await import('./keys.ts')).registerKeys },
  { names: ['policy'], load: async () => (await import('./policy.ts')).registerPolicy },
  { names: ['sign', 'derive'], load: async () => (await import('./operations.ts')).registerOperations },
  { names: ['verify'], load: async () => (await import('./verify.ts')).registerVerify },
  { names: ['encrypt', 'decrypt', 'rewrap'], load: async () => (await import('./files.ts')).registerFiles },
  { names: ['principal', 'token'], load: async () => (await import('./principals.ts')).registerPrincipals },
  { names: ['approve'], load: async () => (await import('./approvals.ts')).registerApprovals },
  {
    names: ['status', 'health', 'peers', 'trust', 'log'],
    load: async () => (await import('./observation.ts')).registerObservation,
  },
  { names: ['randomness'], load: async () => (await import('./randomness.ts')).registerRandomness },
  { names: ['audit'], load: async () => (await import('./audit.ts')).registerAudit },
  { names: ['attest'], load: async () => (await import('./attest.ts')).registerAttest },
  { names: ['context', 'config'], load: async () => (await import('./contexts.ts')).registerContexts },
  { names: ['version'], load: async () => (await import('./version.ts')).registerVersion },
  { names: ['sim'], load: async () => (await import('./sim.ts')).registerSim },
]

/** Registers the group of the command `name`, or every group if there is none of that name. */
export async function registerCommands(program: Command, name?: string): Promise<void> {
  const named = GROUPS.filter(group => name !== undefined && group.names.includes(name))
  for (const group of named.length === 0 ? GROUPS : named) (await group.load())(program)
}
