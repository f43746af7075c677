"""Facts -> what people see: charts, tables, sentences, pages."""
