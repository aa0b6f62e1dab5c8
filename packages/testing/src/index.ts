// Tools for testing a chat: a scripted agent, a scripted network, and a virtual clock.

// An agent that follows a script.

export {
  fail,
  hang,
  run,
  type ScriptedCall,
  type ScriptedResponder,
  type ScriptedResponderOptions,
  type ScriptStep,
  say,
  scriptedResponder,
  until,
  wait,
} from './scripted-responder.ts';

// A network that fails on cue.

export {
  createScriptedNetwork,
  type NetworkPlan,
  type ScriptedNetwork,
  type ScriptedNetworkOptions,
  type SeenRequest,
} from './scripted-network.ts';

// Time.

export { createVirtualClock, type VirtualClock, type VirtualClockOptions } from './virtual-clock.ts';
