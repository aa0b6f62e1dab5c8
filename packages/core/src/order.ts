// Checks the order of events on a stream. A separate entry point, because it is for development and tests only.

export {
  createOrderChecker,
  type OrderChecker,
} from './order-checker.ts';
