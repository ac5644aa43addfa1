"""The non-tax revenue platform 非税收入收缴平台: bills, cashier, callbacks, statements, refunds, receipts."""
